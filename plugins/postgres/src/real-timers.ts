/**
 * Timers of the machine, for sockets: what the network does has its own time, whatever clock the broker goes by. They end with the plugin and keep no
 * process alive.
 */
export class RealTimers {
  readonly #running = new Set<NodeJS.Timeout>();
  #stopped = false;

  /** Runs once after so many milliseconds, unless stopped; returns a function that cancels. */
  after(milliseconds: number, callback: () => void): () => void {
    if (this.#stopped) return () => {};
    const timer = setTimeout(() => {
      this.#running.delete(timer);
      callback();
    }, milliseconds);
    timer.unref();
    this.#running.add(timer);
    return () => {
      clearTimeout(timer);
      this.#running.delete(timer);
    };
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#running) clearTimeout(timer);
    this.#running.clear();
  }
}

/** Milliseconds before the next try: longer each time, never long, and not the same for all that lost their connection together. */
export function retryDelayMs(failures: number): number {
  return Math.min(1000, 100 * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2);
}
