import { matches } from '@portcullis/sdk';
import { WheelTimer } from '../clock.js';
import { Check } from '../gate/index.js';
import type { Subscription } from '../router/index.js';
import type { Delivery } from './delivery.js';
import { countDrop, type SessionRoom } from './room.js';
import type { Session } from './session.js';

/** Topics about which is remembered whether only suspended subscriptions want them. */
const MOST_REMEMBERED = 1024;

/**
 * What a session has lost the right to and may get back: suspended subscriptions, and the copies in its queue that are held back. Both wait for
 * `revokedGraceSeconds`: a file may be half written, a table for a moment without its rows. Then they are given up. Made with the first.
 */
export class Revocations {
  readonly #room: SessionRoom;
  readonly #session: Session;
  /** When each lost its right, in monotonic milliseconds. */
  readonly #since = new Map<Subscription, number>();
  /** Made when a copy is first looked at. */
  #known: Map<string, boolean> | null = null;
  readonly #timer = new WheelTimer(() => this.#due());

  constructor(room: SessionRoom, session: Session) {
    this.#room = room;
    this.#session = session;
  }

  /** Takes note that a subscription has lost its right. Returns whether it had it until now. */
  suspend(subscription: Subscription): boolean {
    if (this.#since.has(subscription)) return false;
    this.#since.set(subscription, this.#room.wheel.clock.now());
    this.#room.stats.subscriptionsSuspended += 1;
    this.#known = null;
    this.#arm();
    return true;
  }

  /** The right is back. Returns whether it was lost. */
  resume(subscription: Subscription): boolean {
    if (!this.#since.delete(subscription)) return false;
    this.#room.stats.subscriptionsSuspended -= 1;
    this.#known = null;
    return true;
  }

  /** Whether a topic is wanted by subscriptions that are suspended, and by no other. */
  covers(topic: string): boolean {
    if (this.#since.size === 0) return false;
    this.#known ??= new Map();
    let covered = this.#known.get(topic);
    if (covered === undefined) {
      const wants = ({ filter }: Subscription): boolean => matches(filter, topic);
      covered = [...this.#since.keys()].some(wants) && ![...this.#session.subscriptions.values()].some((one) => !one.suspended && wants(one));
      if (this.#known.size >= MOST_REMEMBERED) this.#known.clear();
      this.#known.set(topic, covered);
    }
    return covered;
  }

  /** Forgets what was remembered: the subscriptions are others now. */
  changed(): void {
    this.#known = null;
  }

  /** Keeps a copy back. */
  hold(delivery: Delivery): void {
    const { topic } = delivery.message;
    let since = Number.POSITIVE_INFINITY;
    for (const [{ filter }, at] of this.#since) if (at < since && matches(filter, topic)) since = at;
    const from = since === Number.POSITIVE_INFINITY ? this.#room.wheel.clock.now() : since;
    this.#session.queue.hold(delivery, from + this.#graceMs);
    this.#room.stats.copiesHeldBack += 1;
    this.#arm();
  }

  /** Rights have changed: what was held and may go out now waits in its old place again. */
  restore(): void {
    const { queue, client, domain } = this.#session;
    if (queue.held === 0) return;
    queue.restore(({ message, checks }) => {
      if (this.covers(message.topic)) return false;
      // Code is asked again when its turn comes.
      return client.receiveAsks || client.mayReceive(domain.topics.internBytes(message.topicBytes), checks & ~Check.SUSPENDED);
    });
  }

  stop(): void {
    this.#room.wheel.cancel(this.#timer);
    this.#room.stats.subscriptionsSuspended -= this.#since.size;
    this.#since.clear();
  }

  get #graceMs(): number {
    return this.#session.client.standing.chain.revokedGraceSeconds * 1000;
  }

  #arm(): void {
    let first = this.#session.queue.heldUntil;
    for (const at of this.#since.values()) first = Math.min(first, at + this.#graceMs);
    if (first !== Number.POSITIVE_INFINITY) this.#room.wheel.schedule(this.#timer, first - this.#room.wheel.clock.now());
  }

  #due(): void {
    const { clientId, tenant, queue } = this.#session;
    const { stats, wheel } = this.#room;
    const now = wheel.clock.now();
    const graceMs = this.#graceMs;
    const over = [...this.#since].flatMap(([subscription, at]) => (at + graceMs <= now ? [subscription] : []));
    const gone = new Set(over);
    const remaining = [...this.#session.subscriptions.values()].filter((one) => !gone.has(one));
    const lost = new Map<string, boolean>();
    const isLost = ({ message: { topic } }: Delivery): boolean => {
      let known = lost.get(topic);
      if (known === undefined) {
        const wants = ({ filter }: Subscription): boolean => matches(filter, topic);
        known = over.some(wants) && !remaining.some(wants);
        lost.set(topic, known);
      }
      return known;
    };
    for (const delivery of queue.giveUp(now, isLost)) {
      stats.deliveriesDenied += 1;
      this.#session.settle(delivery);
      countDrop(this.#room, 'not-authorized', clientId, tenant, delivery.message.topic, 1);
    }
    for (const subscription of over) this.#remove(subscription);
    this.#arm();
  }

  #remove(subscription: Subscription): void {
    const session = this.#session;
    this.#room.custody.begin();
    session.unsubscribe(subscription.key);
    // Nobody waits for it. A store that cannot take it is full or has failed; the session that it brings back is judged when it comes back.
    this.#room.custody.end();
    this.#room.stats.subscriptionsRevoked += 1;
    if (!this.#room.gate.hears('unsubscribed')) return;
    const { clientId, tenant, client } = session;
    this.#room.gate.tell('unsubscribed', { clientId, tenant, owner: client.username, filter: subscription.key, qos: subscription.qos });
  }
}
