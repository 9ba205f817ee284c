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
    return await this.#run(task);
  }

  /** The same for a task that is not worth waiting for: null, and it is not begun, when as many run as may. */
  runNow<T>(task: () => Promise<T>): Promise<T> | null {
    if (this.#running >= this.#most) return null;
    this.#running += 1;
    return this.#run(task);
  }

  async #run<T>(task: () => Promise<T>): Promise<T> {
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
