/** Lets a few tasks run at a time; the others wait for their turn, in order. */
export class AtOnce {
  readonly #most: number;
  #running = 0;
  /** Bounded by whoever has something to be done: one entry for each user or group. */
  readonly #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#most) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running += 1;
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      // The place goes over to the next one, who must not find it taken by somebody who came meanwhile.
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}
