import type { Clock } from './clock.js';

/** How long one peer's work may hold up everybody else in a turn of the event loop, in milliseconds. */
const SLICE_MS = 0.5;

/**
 * Shares the event loop among those who have more to do than a slice of time has room for. They wait in one line, and together get one slice a
 * turn: however many of them there are, whoever has little to do is served in between.
 */
export class Turns {
  readonly #clock: Clock;
  readonly #failed: (error: unknown) => void;
  readonly #serve = (): void => this.#serveWaiting();
  #waiting: (() => void)[] = [];
  /** End of the slice that those who wait share at this moment; 0 when none of them is being served. */
  #sharedUntil = 0;

  /** `failed` hears of work that throws; the others go on. */
  constructor(clock: Clock, failed: (error: unknown) => void) {
    this.#clock = clock;
    this.#failed = failed;
  }

  /** When work that begins now must make room for others. */
  begin(): number {
    return this.#sharedUntil === 0 ? this.#clock.now() + SLICE_MS : this.#sharedUntil;
  }

  /** Whether that moment has come. */
  over(until: number): boolean {
    return this.#clock.now() >= until;
  }

  /** Goes on with some work when its turn comes, never in this one. */
  later(work: () => void): void {
    this.#waiting.push(work);
    if (this.#waiting.length === 1) setImmediate(this.#serve);
  }

  #serveWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#sharedUntil = this.begin();
    let served = 0;
    do {
      try {
        (waiting[served] as () => void)();
      } catch (error) {
        this.#failed(error);
      }
      served += 1;
    } while (served < waiting.length && !this.over(this.#sharedUntil));
    this.#sharedUntil = 0;
    if (served === waiting.length) return;
    // Those who were not served come before those who wait again.
    const again = this.#waiting;
    this.#waiting = waiting.slice(served);
    for (const work of again) this.#waiting.push(work);
    if (again.length === 0) setImmediate(this.#serve);
  }
}
