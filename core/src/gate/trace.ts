import type { Clock } from '../clock.js';
import type { PluginOutcome } from '../hooks/index.js';

/** What somebody answered to one step of a question. `given` and `nothing` are answers of sources. */
export type TracedOutcome = 'allow' | 'pass' | 'deny' | 'skip' | 'fault' | 'given' | 'nothing' | 'continue' | 'none';

/** What one plugin answered. */
export interface TracedAnswer {
  readonly plugin: string;
  readonly outcome: TracedOutcome;
  /** From when the stage began, in milliseconds; null for one that answers at once. */
  readonly milliseconds: number | null;
  /** The reason of a denial, what is wrong in a fault, where a rule stands; else empty. */
  readonly detail: string;
}

/** One step of an explanation. */
export interface TracedStage {
  /** Name of the hook that was asked, or `rules` or `session`. */
  readonly stage: string;
  readonly outcome: TracedOutcome;
  readonly milliseconds: number;
  /** Whether somebody was asked, or an answer was taken as given. */
  readonly how: 'asked' | 'assumed';
  readonly detail: string;
  readonly plugins: readonly TracedAnswer[];
}

/** Collects the steps of one question in the order in which they ended. */
export class Trace {
  readonly stages: TracedStage[] = [];
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  begin(stage: string): OpenStage {
    return new OpenStage(stage, this.#clock, this.stages);
  }

  /** A step that takes no time, or that nobody was asked about. */
  add(stage: Pick<TracedStage, 'stage' | 'outcome'> & Partial<TracedStage>): void {
    this.stages.push({ milliseconds: 0, how: 'asked', detail: '', plugins: [], ...stage });
  }
}

/** A step that has not ended. */
export class OpenStage {
  readonly #stage: string;
  readonly #clock: Clock;
  readonly #stages: TracedStage[];
  readonly #began: number;
  readonly #plugins: TracedAnswer[] = [];

  constructor(stage: string, clock: Clock, stages: TracedStage[]) {
    this.#stage = stage;
    this.#clock = clock;
    this.#stages = stages;
    this.#began = clock.now();
  }

  heard(plugin: string, outcome: PluginOutcome): void {
    this.#plugins.push({ plugin, outcome: outcome.kind, milliseconds: this.#elapsed, detail: detailOf(outcome) });
  }

  /** Those that let a question pass on which only a refusal is told apart. */
  passed(plugins: readonly string[]): void {
    for (const plugin of plugins) this.#plugins.push({ plugin, outcome: 'pass', milliseconds: null, detail: '' });
  }

  end(outcome: TracedOutcome, detail = ''): void {
    this.#stages.push({ stage: this.#stage, outcome, milliseconds: this.#elapsed, how: 'asked', detail, plugins: this.#plugins });
  }

  get #elapsed(): number {
    return Math.round((this.#clock.now() - this.#began) * 100) / 100;
  }
}

/** What an answer says besides its kind. Never what was granted: that may be an identity with anything in it. */
export function detailOf(outcome: PluginOutcome): string {
  if (outcome.kind === 'deny') return typeof outcome.reason === 'number' ? `0x${outcome.reason.toString(16)}` : outcome.reason;
  if (outcome.kind === 'fault') return outcome.detail;
  return outcome.kind === 'pass' && outcome.maxQos < 2 ? `at most QoS ${outcome.maxQos}` : '';
}
