import type { Message } from '../gate/index.js';
import type { Quota } from '../router/index.js';
import { type Delivery, Fifo } from './delivery.js';
import type { SessionRoom } from './room.js';

/** Deliveries that wait for one session, within the limits of the session, of its tenant and of all together. */
export class Waiting {
  readonly #room: SessionRoom;
  readonly #quota: Quota;
  readonly #queue = new Fifo<Delivery>();
  #bytes = 0;

  constructor(room: SessionRoom, quota: Quota) {
    this.#room = room;
    this.#quota = quota;
  }

  get length(): number {
    return this.#queue.length;
  }

  peek(): Delivery | null {
    return this.#queue.peek();
  }

  /** Whether there is room for one more. */
  takes(message: Message): boolean {
    const { limits, stats } = this.#room;
    return (
      this.#queue.length < limits.maxQueuedMessages &&
      this.#bytes + message.bytes <= limits.maxQueuedBytes &&
      this.#quota.queuedBytes + message.bytes <= this.#quota.limits.queuedBytes &&
      stats.queuedBytes + message.bytes <= limits.maxTotalQueuedBytes
    );
  }

  add(delivery: Delivery): void {
    this.#queue.push(delivery);
    this.#count(1, delivery.message.bytes);
  }

  /** Takes the first out; null when there is none. */
  next(): Delivery | null {
    const delivery = this.#queue.shift();
    if (delivery !== null) this.#count(-1, -delivery.message.bytes);
    return delivery;
  }

  #count(messages: number, bytes: number): void {
    const { stats } = this.#room;
    this.#bytes += bytes;
    this.#quota.queuedBytes += bytes;
    stats.messagesQueued += messages;
    stats.queuedBytes += bytes;
  }
}
