import type { ClientInfo, Identity, PolicyGrant, TlsEvidence } from '@portcullis/sdk';
import { type FaultOutcome, fault, type PluginOutcome } from './outcome.js';
import type { PluginRuntime } from './plugin-runtime.js';
import type { AskOptions, Pending } from './specs.js';

export type PolicyAnswers = readonly { readonly plugin: string; readonly grant: PolicyGrant | null }[];

/** Whose rights are asked for, and why. */
export interface PolicyRequest {
  readonly client: ClientInfo;
  readonly identity: Identity;
  readonly tenant: string | null;
  readonly tls: TlsEvidence | null;
  readonly reason: 'connect' | 'invalidated' | 'lease' | 'reload';
}

/** Asks all sources of rights side by side: they do not depend on each other, and a slow one should not add to a slow one. */
export function askPolicies(
  plugins: readonly PluginRuntime[],
  request: PolicyRequest,
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
  /** In the order of the plugins; undefined while one has not answered. */
  readonly #answers: ({ readonly plugin: string; readonly grant: PolicyGrant | null } | undefined)[] = [];
  #missing: number;
  #open: Pending[] | null = null;
  #over = false;

  constructor(plugins: readonly PluginRuntime[], done: (outcome: PolicyAnswers | FaultOutcome) => void) {
    this.#plugins = plugins;
    this.#done = done;
    this.#missing = plugins.length;
  }

  /** True when everything was answered at once. */
  start(request: PolicyRequest, knownVersions: ReadonlyMap<string, number | string>, options: AskOptions): boolean {
    for (let i = 0; i < this.#plugins.length && !this.#over; i += 1) {
      const plugin = this.#plugins[i] as PluginRuntime;
      const { client, identity, tenant, tls, reason } = request;
      const asked = { client, identity, tenant, tls, reason, knownVersion: knownVersions.get(plugin.name) ?? null };
      const pending = plugin.ask('loadPolicy', asked, options, (outcome) => {
        if (!this.#over) options.heard?.(plugin.name, outcome);
        this.#take(i, plugin.name, outcome);
      });
      if (pending !== null && !this.#over) {
        this.#open ??= [];
        this.#open.push(pending);
      }
    }
    if (this.#plugins.length === 0) this.#endIfComplete();
    return this.#over;
  }

  cancel(): void {
    this.#over = true;
    for (const pending of this.#open ?? []) pending.cancel();
  }

  #take(place: number, plugin: string, outcome: PluginOutcome): void {
    if (this.#over) return;
    if (outcome.kind === 'given') this.#answers[place] = { plugin, grant: outcome.value as PolicyGrant };
    else if (outcome.kind === 'nothing') this.#answers[place] = { plugin, grant: null };
    else return this.#fail(outcome.kind === 'fault' ? outcome : fault(plugin, 'an answer of the wrong kind'));
    this.#missing -= 1;
    this.#endIfComplete();
  }

  #fail(outcome: FaultOutcome): void {
    this.cancel();
    this.#done(outcome);
  }

  #endIfComplete(): void {
    if (this.#over || this.#missing > 0) return;
    this.#over = true;
    this.#done(this.#answers as PolicyAnswers);
  }
}
