import type { HookName } from '@portcullis/sdk';
import type { HostTools } from './asked-plugin.js';
import { type AskOne, invariant, SyncWalk, Walk } from './dispatch.js';
import { deliver, type Fold } from './fold.js';
import { type AskableHook, HOOK_NAMES, HOOKS, type SyncGuardHook } from './hook-table.js';
import { type FaultOutcome, fault, type Outcome, PASS, type PluginOutcome, SKIP } from './outcome.js';
import type { PluginRuntime } from './plugin-runtime.js';
import { askPolicies, type PolicyAnswers, type PolicyRequest } from './policy-answers.js';
import type { AskOptions, ChainSpec, Pending } from './specs.js';

/** The questions of one chain. */
export interface ChainHooks {
  readonly spec: ChainSpec;
  /** Whether somebody who would be asked taps the hook. */
  has(hook: HookName): boolean;
  /**
   * Asks along the chain. `done` is called exactly once, at once when everybody answers at once (null is returned then), and never after
   * `cancel`. The request is given without `signal` and `credentials`.
   *
   * Runs out: `authenticate` is denied as `bad-credentials` by nobody, guards pass, `authorize` is skipped.
   */
  ask(hook: AskableHook, request: object, options: AskOptions, done: (outcome: Outcome) => void): Pending | null;
  /** Asks every plugin for the client's rights, side by side. All answers in the order of the chain, or the first fault. */
  loadPolicy(
    request: PolicyRequest,
    knownVersions: ReadonlyMap<string, number | string>,
    options: AskOptions,
    done: (outcome: PolicyAnswers | FaultOutcome) => void,
  ): Pending | null;
  /** Plugins of `authorize`, in order. */
  readonly authorizePlugins: readonly string[];
  /** Asks one plugin of the chain; skip when it does not tap the hook. */
  askPlugin(
    plugin: string,
    hook: AskableHook | 'refreshIdentity',
    request: object,
    options: AskOptions,
    done: (outcome: Outcome) => void,
  ): Pending | null;
  taps(plugin: string, hook: HookName): boolean;
  /** Asks the owner of an authentication method; skip when nobody owns it. */
  askEnhanced(method: string, request: object, options: AskOptions, done: (outcome: Outcome) => void): Pending | null;
  /** Asks guards that must answer at once, in order, until one refuses. */
  guard(hook: SyncGuardHook, request: object): Outcome;
}

const CREDENTIALS_REFUSED: Outcome = Object.freeze({ kind: 'deny', plugin: null, reason: 'bad-credentials' });
const ASKABLE: readonly AskableHook[] = ['admitClient', 'authenticate', 'admitIdentity', 'authorize', 'guardSubscribe'];
const SYNC_GUARDS: readonly SyncGuardHook[] = ['guardPublish', 'guardRetain', 'guardDelivery'];

/** The chain of one configuration generation. `rebuild` is called whenever it has become known what a plugin taps. */
export class Chain implements ChainHooks {
  readonly spec: ChainSpec;
  readonly #plugins: ReadonlyMap<string, PluginRuntime>;
  readonly #tools: HostTools;
  #tapped: Readonly<Record<string, boolean>> = {};
  #sources: readonly PluginRuntime[] = [];
  #walks: Readonly<Partial<Record<AskableHook, Walk<Outcome>>>> = {};
  #guards: Readonly<Partial<Record<SyncGuardHook, SyncWalk<object, Outcome>>>> = {};

  constructor(spec: ChainSpec, plugins: ReadonlyMap<string, PluginRuntime>, tools: HostTools) {
    this.spec = spec;
    this.#plugins = plugins;
    this.#tools = tools;
    this.rebuild();
  }

  get authorizePlugins(): readonly string[] {
    return this.spec.authorize;
  }

  rebuild(): void {
    this.#tapped = Object.fromEntries(HOOK_NAMES.map((hook) => [hook, this.#asked(hook).length > 0]));
    this.#sources = this.#asked('loadPolicy');
    this.#walks = Object.fromEntries(ASKABLE.filter((hook) => this.has(hook)).map((hook) => [hook, this.#makeWalk(hook)]));
    this.#guards = Object.fromEntries(
      SYNC_GUARDS.filter((hook) => this.has(hook)).map((hook) => [
        hook,
        new SyncWalk<object, Outcome>(hook, this.#asked(hook), (plugin, request) => refusal(plugin.askNow(hook, request))),
      ]),
    );
  }

  has(hook: HookName): boolean {
    return this.#tapped[hook] === true;
  }

  ask(hook: AskableHook, request: object, options: AskOptions, done: (outcome: Outcome) => void): Pending | null {
    const walk = this.#walks[hook];
    if (walk !== undefined) return walk.start(request, options, done);
    deliver(this.#tools, done, NOBODY[hook]);
    return null;
  }

  loadPolicy(
    request: PolicyRequest,
    knownVersions: ReadonlyMap<string, number | string>,
    options: AskOptions,
    done: (outcome: PolicyAnswers | FaultOutcome) => void,
  ): Pending | null {
    return askPolicies(this.#sources, request, knownVersions, options, (outcome) => deliver(this.#tools, done, outcome));
  }

  askPlugin(
    plugin: string,
    hook: AskableHook | 'refreshIdentity',
    request: object,
    options: AskOptions,
    done: (outcome: Outcome) => void,
  ): Pending | null {
    const runtime = this.#plugins.get(plugin);
    const taken = (outcome: PluginOutcome) => deliver(this.#tools, done, answerOf(outcome));
    if (runtime !== undefined && this.taps(plugin, hook)) return runtime.ask(hook, request, options, taken);
    taken(SKIP);
    return null;
  }

  taps(plugin: string, hook: HookName): boolean {
    const { asked } = HOOKS[hook];
    return (asked === 'all' || this.spec[asked].includes(plugin)) && this.#plugins.get(plugin)?.taps(hook) === true;
  }

  askEnhanced(method: string, request: object, options: AskOptions, done: (outcome: Outcome) => void): Pending | null {
    const taken = (outcome: PluginOutcome) => deliver(this.#tools, done, answerOf(outcome));
    const asked = this.#asked('authenticateEnhanced');
    // The owner that is known first: another plugin that is down might own the method only in theory.
    const owner = asked.find((plugin) => plugin.registry?.methodHandler(method) !== undefined) ?? asked.find((plugin) => plugin.ownsMethod(method));
    if (owner !== undefined) return owner.askEnhanced(method, request, options, taken);
    taken(SKIP);
    return null;
  }

  guard(hook: SyncGuardHook, request: object): Outcome {
    const guards = this.#guards[hook];
    if (guards === undefined) return PASS;
    try {
      return guards.start(request) ?? PASS;
    } catch (error) {
      return invariant(this.#tools, error);
    }
  }

  /** The plugins that are asked on a hook, in order. */
  #asked(hook: HookName): readonly PluginRuntime[] {
    const { asked } = HOOKS[hook];
    const listed = asked === 'all' ? [...this.#plugins.values()] : this.spec[asked].map((name) => this.#plugins.get(name));
    return listed.filter((plugin) => plugin?.taps(hook) === true) as PluginRuntime[];
  }

  #makeWalk(hook: AskableHook): Walk<Outcome> {
    const judge = JUDGES[hook === 'authorize' && this.spec.combine === 'first-match' ? 'authenticate' : hook];
    const ask: AskOne<Outcome> = (plugin, fold, next) =>
      plugin.ask(hook, fold.request, fold.options, (outcome) => {
        fold.options.heard?.(plugin.name, outcome);
        next(judge(answerOf(outcome), fold, plugin, hook));
      });
    return new Walk(hook, this.#asked(hook), this.#tools, { ask, runOut: (fold) => fold.standing ?? NOBODY[hook], broken: (failed) => failed });
  }
}

/** What a chain answers when nobody did. */
const NOBODY: Readonly<Record<AskableHook, Outcome>> = {
  admitClient: PASS,
  // Unknown user and wrong password look the same.
  authenticate: CREDENTIALS_REFUSED,
  admitIdentity: PASS,
  authorize: SKIP,
  guardSubscribe: PASS,
};

type Judge = (outcome: Outcome, fold: Fold<Outcome>, plugin: PluginRuntime, hook: AskableHook) => Outcome | undefined;

/** The first that is not skip decides, and a fault is final; only an authority that never denies may be looked past. */
const firstAnswer: Judge = (outcome, _fold, plugin, hook) => {
  const failsOver = hook === 'authenticate' && plugin.spec.onFault === 'skip';
  if (outcome.kind === 'fault' && failsOver && !outcome.final) return undefined;
  return outcome.kind === 'skip' ? undefined : outcome;
};

const everyGuard: Judge = (outcome, fold) => {
  if (outcome.kind !== 'pass') return outcome;
  if (outcome.maxQos < fold.maxQos) {
    fold.maxQos = outcome.maxQos;
    fold.standing = outcome;
  }
  return undefined;
};

/** Everybody is asked: a fault outweighs a denial, a denial outweighs a permission. */
const denyOverrides: Judge = (outcome, fold) => {
  if (outcome.kind === 'skip') return undefined;
  if (outcome.kind !== 'allow' && outcome.kind !== 'deny') return outcome;
  if (fold.standing === null || (fold.standing.kind === 'allow' && outcome.kind === 'deny')) fold.standing = outcome;
  return undefined;
};

const JUDGES: Readonly<Record<AskableHook, Judge>> = {
  admitClient: everyGuard,
  authenticate: firstAnswer,
  admitIdentity: everyGuard,
  authorize: denyOverrides,
  guardSubscribe: everyGuard,
};

/** Verbs of a source never reach an authority or a guard; if they did, that would be a fault. */
function answerOf(outcome: PluginOutcome): Outcome {
  return outcome.kind === 'given' || outcome.kind === 'nothing' ? fault(null, 'an answer of the wrong kind') : outcome;
}

function refusal(outcome: PluginOutcome): Outcome | undefined {
  return outcome.kind === 'pass' ? undefined : answerOf(outcome);
}
