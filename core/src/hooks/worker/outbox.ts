import { MAX_BATCH } from './messages.js';

export interface OutboxInit<Message> {
  /** Has the waiting end. */
  soon(end: () => void): void;
  /** Throws when one of these messages cannot cross. */
  post(batch: readonly Message[]): void;
  /** A message could not be posted. */
  unfit(message: Message, error: unknown): void;
}

/**
 * Messages on their way to the other side, many to a post. A post costs several times what a message in it costs, here and there: so they wait a
 * moment for each other.
 */
export class Outbox<Message> {
  readonly #init: OutboxInit<Message>;
  #batch: Message[] = [];

  constructor(init: OutboxInit<Message>) {
    this.#init = init;
  }

  /** Posts it soon, with others. */
  add(message: Message): void {
    this.#batch.push(message);
    if (this.#batch.length === 1) this.#init.soon(() => this.flush());
    else if (this.#batch.length === MAX_BATCH) this.flush();
  }

  /** Posts now what waits: before a message that may not overtake it, or before standing still. */
  flush(): void {
    if (this.#batch.length === 0) return;
    const batch = this.#batch;
    this.#batch = [];
    try {
      this.#init.post(batch);
    } catch {
      // One of them cannot cross. The others are about other clients.
      for (const message of batch) this.#postAlone(message);
    }
  }

  #postAlone(message: Message): void {
    try {
      this.#init.post([message]);
    } catch (error) {
      this.#init.unfit(message, error);
    }
  }
}
