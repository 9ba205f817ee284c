import type { Clock } from '../clock.js';
import type { Logger } from '../log.js';

const QUIET_MS = 10_000;

/** Tells of failures that strangers can cause at will: at most one line in 10,000 milliseconds, with how many there were since the last. */
export class FailureLog {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #text: string;
  #quietUntil = Number.NEGATIVE_INFINITY;
  #failures = 0;

  constructor(log: Logger, clock: Clock, text: string) {
    this.#log = log;
    this.#clock = clock;
    this.#text = text;
  }

  note(fields: Readonly<Record<string, unknown>>): void {
    this.#failures += 1;
    const now = this.#clock.now();
    if (now < this.#quietUntil) {
      if (this.#log.enabled('debug')) this.#log.debug(fields, this.#text);
      return;
    }
    this.#log.info({ ...fields, failures: this.#failures }, this.#text);
    this.#failures = 0;
    this.#quietUntil = now + QUIET_MS;
  }
}
