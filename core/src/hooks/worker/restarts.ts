/** How long to wait before a plugin whose thread ended is started again: not at all the first time, then longer each time, and never two at once. */
export class Restarts {
  readonly #firstMs: number;
  readonly #lastMs: number;
  readonly #random: () => number;
  #pauseMs = 0;
  #startedAt = Number.NEGATIVE_INFINITY;

  constructor(firstMs: number, lastMs: number, random: () => number = Math.random) {
    this.#firstMs = firstMs;
    this.#lastMs = lastMs;
    this.#random = random;
  }

  started(now: number): void {
    this.#startedAt = now;
  }

  /** Milliseconds. A thread that has lived for longer than two of the longest pauses is forgiven what was before. */
  pause(now: number): number {
    if (now - this.#startedAt > 2 * this.#lastMs) this.#pauseMs = 0;
    const pause = this.#pauseMs;
    this.#pauseMs = Math.min(this.#lastMs, pause === 0 ? this.#firstMs : pause * 2);
    // A fifth more or less: several that fell together do not get up together.
    return pause * (0.8 + 0.4 * this.#random());
  }
}
