import type { HookName } from '@portcullis/sdk';
import type { Stats } from '../../stats.js';
import type { NewsItem, ToThread } from './messages.js';

/** News on their way to one thread: a message for many, and no more than the thread has said to have heard, plus so many. */
export class ThreadNews {
  readonly #send: (message: ToThread) => void;
  readonly #stats: Stats;
  readonly #capacity: number;
  #batch: NewsItem[] = [];
  #unheard = 0;
  #over = false;

  constructor(send: (message: ToThread) => void, stats: Stats, capacity: number) {
    this.#send = send;
    this.#stats = stats;
    this.#capacity = capacity;
  }

  add(hook: HookName, news: object): void {
    if (this.#over || this.#unheard >= this.#capacity) {
      this.#stats.newsDropped += 1;
      return;
    }
    this.#unheard += 1;
    this.#batch.push({ hook, news });
    if (this.#batch.length === 1) queueMicrotask(() => this.flush());
  }

  flush(): void {
    if (this.#over || this.#batch.length === 0) return;
    const items = this.#batch;
    this.#batch = [];
    this.#send({ t: 'news', items });
  }

  heard(count: number): void {
    this.#unheard = Math.max(0, this.#unheard - count);
  }

  end(): void {
    this.#over = true;
    this.#stats.newsDropped += this.#unheard;
    this.#batch = [];
  }
}
