import type { GateClient, Message } from '../gate/index.js';
import type { Binding } from '../policy/index.js';

/** One message on its way to one session: queued, or sent and not yet acknowledged. */
export class Delivery {
  readonly message: Message;
  readonly qos: 1 | 2;
  readonly retain: boolean;
  readonly subscriptionIds: readonly number[] | null;
  /** Place in the session's order; grows. */
  readonly sequence: number;
  /** Checks that the copy must pass again if the rights are no longer those below. */
  readonly checks: number;
  /** The rights by which it was let in. */
  readonly binding: Binding;
  readonly version: number;
  /** Whether the store knows of it. */
  readonly stored: boolean;

  constructor(fields: {
    message: Message;
    qos: 1 | 2;
    retain: boolean;
    subscriptionIds: readonly number[] | null;
    sequence: number;
    checks: number;
    binding: Binding;
    stored: boolean;
  }) {
    this.message = fields.message;
    this.qos = fields.qos;
    this.retain = fields.retain;
    this.subscriptionIds = fields.subscriptionIds;
    this.sequence = fields.sequence;
    this.checks = fields.checks;
    this.binding = fields.binding;
    this.version = fields.binding.version;
    this.stored = fields.stored;
  }

  /** Whether the client's rights are no longer those that let the copy in. */
  isOutdated({ binding }: GateClient): boolean {
    return this.binding !== binding || this.version !== binding.version;
  }
}

/** Shared by all that hold nothing; never written to. */
const EMPTY: never[] = [];

/** First in, first out, without moving what is inside. */
export class Fifo<Item> {
  #items: (Item | null)[] = EMPTY;
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: Item): void {
    if (this.#items === EMPTY) this.#items = [item];
    else this.#items.push(item);
  }

  peek(): Item | null {
    return this.#head < this.#items.length ? (this.#items[this.#head] as Item) : null;
  }

  shift(): Item | null {
    if (this.#head >= this.#items.length) return null;
    const item = this.#items[this.#head] as Item;
    this.#items[this.#head] = null;
    this.#head += 1;
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    } else if (this.#head === this.#items.length) {
      this.#items = EMPTY;
      this.#head = 0;
    }
    return item;
  }

  /** What is inside, first in first. */
  all(): Item[] {
    return this.#items.slice(this.#head) as Item[];
  }

  /** Puts these in the place of what is inside. */
  fill(items: Item[]): void {
    this.#items = items.length === 0 ? EMPTY : items;
    this.#head = 0;
  }

  clear(): void {
    this.#items = EMPTY;
    this.#head = 0;
  }
}
