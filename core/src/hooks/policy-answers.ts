import type { PolicyGrant } from '@portcullis/sdk';
import { type FaultOutcome, fault, type PluginOutcome } from './outcome.js';
import type { PluginRuntime } from './plugin-runtime.js';
import type { AskOptions, Pending } from './specs.js';

export type PolicyAnswers = readonly { readonly plugin: string; readonly grant: PolicyGrant | null }[];

/** Asks all sources of rights side by side: they do not depend on each other, and a slow one should not add to a slow one. */
export function askPolicies(
  plugins: readonly PluginRuntime[],
  request: object,
  knownVersions: ReadonlyMap<string, number | string>,
  options: AskOptions,
  done: (outcome: PolicyAnswers | FaultOutcome) => void,
): Pending | null {
  const collection = new PolicyCollection(plugins, done);
  return collection.start(request, knownVersions, options) ? null : collection;
}

class PolicyCollection implements Pending {
  readonly #plugins: readonly PluginRuntime[];
  readonly #done: (outcome: PolicyAnswers | FaultOutcome) => void;
  readonly #grants = new Map<string, PolicyGrant | null>();
  readonly #open = new Set<Pending>();
  #over = false;

  constructor(plugins: readonly PluginRuntime[], done: (outcome: PolicyAnswers | FaultOutcome) => void) {
    this.#plugins = plugins;
    this.#done = done;
  }

  /** True when everything was answered at once. */
  start(request: object, knownVersions: ReadonlyMap<string, number | string>, options: AskOptions): boolean {
    for (const plugin of this.#plugins) {
      if (this.#over) break;
      const asked = { ...request, knownVersion: knownVersions.get(plugin.name) ?? null };
      const pending = plugin.ask('loadPolicy', asked, options, (outcome) => this.#take(plugin.name, outcome));
      if (pending !== null && !this.#over) this.#open.add(pending);
    }
    this.#endIfComplete();
    return this.#over;
  }

  cancel(): void {
    this.#over = true;
    for (const pending of this.#open) pending.cancel();
  }

  #take(plugin: string, outcome: PluginOutcome): void {
    if (this.#over) return;
    if (outcome.kind === 'given') this.#grants.set(plugin, outcome.value as PolicyGrant);
    else if (outcome.kind === 'nothing') this.#grants.set(plugin, null);
    else this.#fail(outcome.kind === 'fault' ? outcome : fault(plugin, 'an answer of the wrong kind'));
    this.#endIfComplete();
  }

  #fail(outcome: FaultOutcome): void {
    this.cancel();
    this.#done(outcome);
  }

  #endIfComplete(): void {
    if (this.#over || this.#grants.size < this.#plugins.length) return;
    this.#over = true;
    this.#done(this.#plugins.map(({ name }) => ({ plugin: name, grant: this.#grants.get(name) ?? null })));
  }
}
