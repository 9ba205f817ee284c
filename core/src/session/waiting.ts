import type { Message } from '../gate/index.js';
import type { Quota } from '../router/index.js';
import { type Delivery, Fifo } from './delivery.js';
import type { SessionRoom } from './room.js';

/** A copy that may not be delivered at this moment, and when it is given up. */
interface Held {
  readonly delivery: Delivery;
  readonly until: number;
}

/** Deliveries that wait for one session, within the limits of the session, of its tenant and of all together. */
export class Waiting {
  readonly #room: SessionRoom;
  readonly #quota: Quota;
  readonly #queue = new Fifo<Delivery>();
  /** What was held back because its right was lost; it counts with the others. Made with the first. */
  #held: Held[] | null = null;
  #bytes = 0;

  constructor(room: SessionRoom, quota: Quota) {
    this.#room = room;
    this.#quota = quota;
  }

  get length(): number {
    return this.#queue.length;
  }

  get held(): number {
    return this.#held === null ? 0 : this.#held.length;
  }

  peek(): Delivery | null {
    return this.#queue.peek();
  }

  /** Whether there is room for one more. */
  takes(message: Message): boolean {
    const { limits, stats } = this.#room;
    return (
      this.#queue.length + this.held < limits.maxQueuedMessages &&
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

  /** Keeps one that was taken out, in case its right returns. */
  hold(delivery: Delivery, until: number): void {
    this.#held ??= [];
    this.#held.push({ delivery, until });
    this.#count(1, delivery.message.bytes);
  }

  /** When the first of those held is given up; infinite for none. */
  get heldUntil(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const { until } of this.#held ?? []) if (until < first) first = until;
    return first;
  }

  /** Takes out of those held, and of the queue too, what is given up. */
  giveUp(now: number, isLost: (delivery: Delivery) => boolean): Delivery[] {
    const lost = (this.#held ?? []).filter(({ until }) => until <= now).map(({ delivery }) => delivery);
    if (lost.length > 0) this.#held = (this.#held ?? []).filter(({ until }) => until > now);
    const kept: Delivery[] = [];
    for (const delivery of this.#queue.all()) (isLost(delivery) ? lost : kept).push(delivery);
    if (kept.length < this.#queue.length) this.#queue.fill(kept);
    for (const { message } of lost) this.#count(-1, -message.bytes);
    return lost;
  }

  /** Puts those back into the queue, in their old order, that may be delivered again. */
  restore(may: (delivery: Delivery) => boolean): void {
    const back: Delivery[] = [];
    const left: Held[] = [];
    for (const held of this.#held ?? []) {
      if (may(held.delivery)) back.push(held.delivery);
      else left.push(held);
    }
    if (back.length === 0) return;
    this.#held = left.length === 0 ? null : left;
    back.push(...this.#queue.all());
    this.#queue.fill(back.sort((one, other) => one.sequence - other.sequence));
  }

  #count(messages: number, bytes: number): void {
    const { stats } = this.#room;
    this.#bytes += bytes;
    this.#quota.queuedBytes += bytes;
    stats.messagesQueued += messages;
    stats.queuedBytes += bytes;
  }
}
