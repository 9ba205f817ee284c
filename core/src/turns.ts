import type { Clock } from './clock.js';

/** How long one peer's work may hold up everybody else in a turn of the event loop, in milliseconds. */
const SLICE_MS = 0.2;
/** What slices that begin in one turn may take together, and the least that each gets all the same. */
const TURN_MS = 0.3;
const LEAST_MS = 0.05;

/**
 * Shares the event loop among those who have more to do than a slice of time has room for. They wait in one line, and together get one slice a
 * turn: however many of them there are, whoever has little to do is served in between.
 */
export class Turns {
  readonly #clock: Clock;
  readonly #failed: (error: unknown) => void;
  readonly #sliceMs: number;
  readonly #turnMs: number;
  readonly #serve = (): void => this.#serveWaiting();
  #waiting: (() => void)[] = [];
  /** End of the slice that those who wait share at this moment; 0 when none of them is being served. */
  #sharedUntil = 0;
  /** Whose slice was begun last in this turn, when that ends, and when those of the turn do. */
  #owner: object | null = null;
  #ownerUntil = 0;
  #turnUntil = 0;
  readonly #endTurn = (): void => {
    this.#owner = null;
  };

  /** `failed` hears of work that throws; the others go on. `times` makes slices longer, for work that must not wait as others' can. */
  constructor(clock: Clock, failed: (error: unknown) => void, times = 1) {
    this.#clock = clock;
    this.#failed = failed;
    this.#sliceMs = SLICE_MS * times;
    this.#turnMs = TURN_MS * times;
  }

  /** When work that begins now must make room for others. One owner gets one slice a turn: a socket may be read many times in it. */
  begin(owner: object): number {
    if (this.#sharedUntil !== 0) return this.#sharedUntil;
    if (owner === this.#owner) return this.#ownerUntil;
    const now = this.#clock.now();
    if (this.#owner === null) {
      // Those who wait have their slice in every turn: whoever has as much to do as they waits with them.
      this.#turnUntil = now + (this.crowded ? LEAST_MS : this.#turnMs);
      setImmediate(this.#endTurn);
    }
    this.#owner = owner;
    this.#ownerUntil = Math.max(now + LEAST_MS, Math.min(now + this.#sliceMs, this.#turnUntil));
    return this.#ownerUntil;
  }

  /** Whether that moment has come. */
  over(until: number): boolean {
    return this.#clock.now() >= until;
  }

  /** Whether somebody waits: then the end of this turn is far, and what is small had better not be left for it. */
  get crowded(): boolean {
    return this.#waiting.length > 0;
  }

  /** Goes on with some work when its turn comes, never in this one. */
  later(work: () => void): void {
    this.#waiting.push(work);
    if (this.#waiting.length === 1) setImmediate(this.#serve);
  }

  #serveWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#sharedUntil = this.#clock.now() + this.#sliceMs;
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
