import type { HookName } from '@portcullis/sdk';
import type {
  AskableHook,
  AskOptions,
  ChainHooks,
  FaultOutcome,
  GlobalGuardHook,
  GlobalHooks,
  NewsHookName,
  Outcome,
  PatchedOutcome,
  PatchHook,
  Pending,
  PolicyAnswers,
  PolicyRequest,
  SyncGuardHook,
  TenantOutcome,
} from '../hooks/index.js';
import type { Standing } from './client.js';
import type { GateChain } from './options.js';
import { detailOf, type OpenStage, type Trace, type TracedAnswer } from './trace.js';

/** An answer that stands for the authorities', which are not asked, and where it comes from. */
export interface AssumedAnswer {
  readonly outcome: Outcome;
  /** For people. */
  readonly from: string;
  /** What authorities said that were asked something else. */
  readonly plugins: readonly TracedAnswer[];
}

/** A standing whose questions are put to the same plugins, with the same deadlines, and written down. News reach nobody. */
export function tracedStanding(standing: Standing, trace: Trace, assumed: AssumedAnswer | null): Standing {
  return { ...standing, hooks: new TracedChain(standing.chain, standing.hooks, trace, assumed), global: new TracedGlobals(standing.global, trace) };
}

class TracedChain implements ChainHooks {
  readonly spec: GateChain;
  readonly #asked: ChainHooks;
  readonly #trace: Trace;
  readonly #assumed: AssumedAnswer | null;

  constructor(spec: GateChain, asked: ChainHooks, trace: Trace, assumed: AssumedAnswer | null) {
    this.spec = spec;
    this.#asked = asked;
    this.#trace = trace;
    this.#assumed = assumed;
  }

  get authorizePlugins(): readonly string[] {
    return this.#asked.authorizePlugins;
  }

  has(hook: HookName): boolean {
    return this.#asked.has(hook);
  }

  taps(plugin: string, hook: HookName): boolean {
    return this.#asked.taps(plugin, hook);
  }

  ask(hook: AskableHook, request: object, options: AskOptions, done: (outcome: Outcome) => void): Pending | null {
    if (hook === 'authenticate' && this.#assumed !== null) {
      const { outcome, from, plugins } = this.#assumed;
      this.#trace.add({ stage: hook, outcome: outcome.kind, how: 'assumed', detail: from, plugins });
      done(outcome);
      return null;
    }
    const stage = this.#trace.begin(hook);
    return this.#asked.ask(hook, request, heard(options, stage), ended(stage, done));
  }

  loadPolicy(
    request: PolicyRequest,
    knownVersions: ReadonlyMap<string, number | string>,
    options: AskOptions,
    done: (outcome: PolicyAnswers | FaultOutcome) => void,
  ): Pending | null {
    const stage = this.#trace.begin('loadPolicy');
    return this.#asked.loadPolicy(request, knownVersions, heard(options, stage), (outcome) => {
      if ('kind' in outcome) stage.end('fault', outcome.detail);
      else stage.end(outcome.some(({ grant }) => grant !== null) ? 'given' : 'nothing');
      done(outcome);
    });
  }

  askPlugin(
    plugin: string,
    hook: AskableHook | 'refreshIdentity',
    request: object,
    options: AskOptions,
    done: (outcome: Outcome) => void,
  ): Pending | null {
    const stage = this.#trace.begin(hook);
    return this.#asked.askPlugin(plugin, hook, request, options, (outcome) => {
      stage.heard(plugin, outcome);
      ended(stage, done)(outcome);
    });
  }

  askEnhanced(method: string, request: object, options: AskOptions, done: (outcome: Outcome) => void): Pending | null {
    return this.#asked.askEnhanced(method, request, options, ended(this.#trace.begin('authenticateEnhanced'), done));
  }

  guard(hook: SyncGuardHook, request: object): Outcome {
    const stage = this.#trace.begin(hook);
    return guarded(
      stage,
      this.spec.guards.filter((plugin) => this.taps(plugin, hook)),
      this.#asked.guard(hook, request),
    );
  }
}

class TracedGlobals implements GlobalHooks {
  readonly #asked: GlobalHooks;
  readonly #trace: Trace;

  constructor(asked: GlobalHooks, trace: Trace) {
    this.#asked = asked;
    this.#trace = trace;
  }

  has(hook: HookName): boolean {
    return this.#asked.has(hook);
  }

  guard(hook: GlobalGuardHook, request: object): Outcome {
    return guarded(this.#trace.begin(hook), [], this.#asked.guard(hook, request));
  }

  firstGiven(hook: 'resolveTenant', request: object, options: AskOptions, done: (outcome: TenantOutcome) => void): Pending | null {
    const stage = this.#trace.begin(hook);
    return this.#asked.firstGiven(hook, request, heard(options, stage), (outcome) => {
      stage.end(outcome.kind, outcome.kind === 'given' ? '' : detailOf(outcome));
      done(outcome);
    });
  }

  waterfall<R extends object>(hook: PatchHook, request: R, apply: (request: R, patch: object, plugin: string) => R | null): PatchedOutcome<R> {
    const stage = this.#trace.begin(hook);
    const given: string[] = [];
    const outcome = this.#asked.waterfall(hook, request, (current, patch, plugin) => {
      given.push(plugin);
      return apply(current, patch, plugin);
    });
    if ('kind' in outcome) stage.end('fault', outcome.detail);
    else stage.end(outcome.changed ? 'given' : 'nothing', given.join(', '));
    return outcome;
  }

  /** An explanation is no news. */
  tell(_hook: NewsHookName, _news: object): void {}
}

function heard(options: AskOptions, stage: OpenStage): AskOptions {
  return { ...options, heard: (plugin, outcome) => stage.heard(plugin, outcome) };
}

function ended(stage: OpenStage, done: (outcome: Outcome) => void): (outcome: Outcome) => void {
  return (outcome) => {
    stage.end(outcome.kind, detailOf(outcome));
    done(outcome);
  };
}

/** Guards are asked in order until one refuses; those before it let pass. */
function guarded(stage: OpenStage, plugins: readonly string[], outcome: Outcome): Outcome {
  if (outcome.kind === 'pass') stage.passed(plugins);
  else {
    const refuser = 'plugin' in outcome ? outcome.plugin : null;
    stage.passed(plugins.slice(0, Math.max(0, plugins.indexOf(refuser ?? ''))));
    if (refuser !== null) stage.heard(refuser, outcome);
  }
  stage.end(outcome.kind, detailOf(outcome));
  return outcome;
}
