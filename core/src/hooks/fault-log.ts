import type { TimerWheel } from '../clock.js';
import { ERRORS, type ErrorKind, errorText } from '../errors.js';
import type { Logger } from '../log.js';
import type { Stats } from '../stats.js';
import { placeOf } from './place.js';

/** What went wrong with a question, by kind; one log line per plugin and kind in a burst. */
export type FaultKind =
  | 'threw'
  | 'no-decision'
  | 'foreign-decision'
  | 'malformed'
  | 'undeclared'
  | 'promise'
  | 'timeout'
  | 'unavailable'
  | 'overload'
  | 'breaker-open'
  | 'not-ready'
  | 'stopped';

interface What {
  readonly plugin: string;
  readonly hook: string;
  readonly kind: string;
  readonly cause: string;
}

interface Burst {
  missed: number;
  cause: string;
}

/** What was thrown, for its place in the plugin's code, and what hides a password in that. */
export interface Thrown {
  readonly error: unknown;
  readonly hide: (text: string) => string;
}

const AS_IT_IS = (text: string): string => text;

const WINDOW_MS = 10_000;

/** Counts what goes wrong in plugins and logs it: the first of a burst at once, the rest as one line each ten seconds. */
export class FaultLog {
  readonly #log: Logger;
  readonly #stats: Stats;
  readonly #wheel: TimerWheel;
  readonly #rootOf: (plugin: string) => string;
  /** By plugin and kind, so bounded by plugins times kinds. */
  readonly #bursts = new Map<string, Burst>();

  /** `rootOf` knows the folder of each plugin's code. */
  constructor(log: Logger, stats: Stats, wheel: TimerWheel, rootOf: (plugin: string) => string) {
    this.#log = log;
    this.#stats = stats;
    this.#wheel = wheel;
    this.#rootOf = rootOf;
  }

  /** A question that a plugin did not answer as it must. */
  add(plugin: string, hook: string, kind: FaultKind, cause: string, thrown: Thrown | null = null): void {
    const overload = kind === 'overload';
    const counts = this.#stats.ofPlugin(plugin);
    if (overload) this.#stats.pluginOverloads += 1;
    else this.#stats.pluginFaults += 1;
    if (overload) counts.overloads += 1;
    else counts.faults += 1;
    if (kind === 'timeout') counts.timeouts += 1;
    const what = { plugin, hook, kind, cause };
    this.#write(overload ? ERRORS.pluginOverload : ERRORS.pluginFault, what, 'a plugin failed, the question is refused', thrown);
  }

  /** An answer that does not count. */
  ignored(plugin: string, which: 'lateAnswers' | 'secondAnswers' | 'foreignAnswers'): void {
    this.#stats[which] += 1;
    this.#stats.ofPlugin(plugin)[which] += 1;
  }

  /** An error outside a question: in a timer, a listener, a callback. */
  escaped(plugin: string, where: string, error: unknown): void {
    this.#stats.escapedErrors += 1;
    const what = { plugin, hook: where, kind: 'escaped', cause: errorText(error) };
    this.#write(ERRORS.pluginEscaped, what, 'an error escaped from a plugin', { error, hide: AS_IT_IS });
  }

  #write({ code }: ErrorKind, { plugin, hook, kind, cause }: What, message: string, thrown: Thrown | null): void {
    const key = `${plugin} ${kind}`;
    const burst = this.#bursts.get(key);
    if (burst !== undefined) {
      burst.missed += 1;
      burst.cause = cause;
      return;
    }
    const place = thrown === null ? null : placeOf(thrown.error, this.#rootOf(plugin));
    const at = place === null || thrown === null ? {} : { at: thrown.hide(place.at) };
    this.#log.warn({ code, plugin, hook, kind, cause, ...at }, message);
    if (this.#log.enabled('debug'))
      for (const frame of place?.frames ?? []) this.#log.debug({ plugin, frame: thrown?.hide(frame) }, 'where it failed');
    this.#await(key, () => this.#log.warn({ code, plugin, kind, ...this.#sum(key) }, `${message} (last ${WINDOW_MS / 1000} s)`));
  }

  #await(key: string, summarise: () => void): void {
    this.#bursts.set(key, { missed: 0, cause: '' });
    this.#wheel.after(WINDOW_MS, () => {
      if (this.#bursts.get(key)?.missed === 0) {
        this.#bursts.delete(key);
        return;
      }
      summarise();
      // The burst goes on: what follows is summed up again instead of being logged at once.
      this.#await(key, summarise);
    });
  }

  #sum(key: string): { times: number; cause: string } {
    const { missed, cause } = this.#bursts.get(key) ?? { missed: 0, cause: '' };
    return { times: missed, cause };
  }
}
