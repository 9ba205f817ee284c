import type { HostTools } from './asked-plugin.js';
import { silencePromiseWith } from './silence-promise.js';

interface Item {
  readonly hook: string;
  readonly listener: (news: object) => unknown;
  readonly news: object;
}

/** How many are delivered before traffic has its turn again. */
const BATCH = 256;

/** News on their way to one plugin: bounded, delivered between turns of the event loop, so that no listener can hold up traffic. */
export class NewsQueue {
  readonly #plugin: string;
  readonly #tools: HostTools;
  #items: Item[] = [];
  #scheduled = false;
  #stopped = false;

  constructor(plugin: string, tools: HostTools) {
    this.#plugin = plugin;
    this.#tools = tools;
  }

  add(hook: string, listener: (news: object) => unknown, news: object): void {
    if (this.#stopped) return;
    if (this.#items.length >= this.#tools.limits.newsQueue) {
      this.#tools.stats.newsDropped += 1;
      return;
    }
    this.#items.push({ hook, listener, news });
    this.#schedule();
  }

  /** Delivers what waits, and takes no more. */
  stop(): void {
    this.#stopped = true;
    this.#deliver(this.#items.length);
  }

  #schedule(): void {
    if (this.#scheduled || this.#items.length === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#deliver(BATCH);
      this.#schedule();
    });
  }

  #deliver(count: number): void {
    for (const { hook, listener, news } of this.#items.splice(0, count)) {
      const failed = (error: unknown) => this.#tools.faults.escaped(this.#plugin, hook, error);
      try {
        silencePromiseWith(listener(news), failed);
      } catch (error) {
        failed(error);
      }
    }
  }
}
