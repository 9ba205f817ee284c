import type { Pending } from '../hooks/index.js';
import type { Delivery } from './delivery.js';
import { Awaited } from './in-flight.js';
import type { Outlet } from './outlet.js';
import type { SessionRoom } from './room.js';
import type { Session } from './session.js';

/**
 * Sends again what a client had not acknowledged when its connection ended: first every PUBREL, which no window holds back
 * [MQTT-3.3.4-10], then the messages in the old order, as far as the client's window allows. Each is judged by the rights of this moment;
 * what may no longer go out is given up.
 */
export class Resending {
  readonly #room: SessionRoom;
  readonly #session: Session;
  readonly #outlet: Outlet;
  readonly #done: () => void;
  readonly #items: { id: number; awaited: number; delivery: Delivery }[];
  /** Identifiers that this connection was sent and that are not settled: the new connection may take fewer than the old [MQTT-3.3.4-9]. */
  readonly #sent = new Set<number>();
  #position = 0;
  #pending: Pending | null = null;
  #stopped = false;

  constructor(room: SessionRoom, session: Session, outlet: Outlet, done: () => void) {
    this.#room = room;
    this.#session = session;
    this.#outlet = outlet;
    this.#done = done;
    const items = session.inFlight.all();
    // [MQTT-4.3.3-6] After PUBREL the PUBLISH is never sent again.
    const released = items.filter(({ awaited }) => awaited === Awaited.PUBCOMP);
    for (const { id } of released) {
      outlet.sendPubrel(id);
      this.#sent.add(id);
    }
    this.#items = items.filter(({ awaited }) => awaited !== Awaited.PUBCOMP);
  }

  run(): void {
    while (!this.#stopped && this.#pending === null && !this.#session.rechecking) {
      const item = this.#items[this.#position];
      if (item === undefined) {
        this.#stopped = true;
        this.#done();
        return;
      }
      if (this.#sent.size >= this.#session.inFlight.limit) return;
      this.#position += 1;
      if (this.#owed(item.id, item.delivery) && !this.#next(item.id, item.delivery)) return;
    }
  }

  /** The client has acknowledged one: there is room for another. */
  settled(id: number): void {
    this.#sent.delete(id);
    this.run();
  }

  stop(): void {
    this.#stopped = true;
    this.#pending?.cancel();
  }

  /** Whether the client has not acknowledged it meanwhile; the identifier may be another message's by now. */
  #owed(id: number, delivery: Delivery): boolean {
    const { inFlight } = this.#session;
    return inFlight.delivery(id) === delivery && inFlight.awaited(id) !== Awaited.PUBCOMP;
  }

  /** False when an answer has to be waited for. */
  #next(id: number, delivery: Delivery): boolean {
    const session = this.#session;
    const entry = session.domain.topics.internBytes(delivery.message.topicBytes);
    if (session.revocations?.covers(delivery.message.topic) === true) {
      this.#send(id, delivery, false);
      return true;
    }
    if (!session.client.receiveAsks) {
      this.#send(id, delivery, !delivery.isOutdated(session.client) || session.client.mayReceive(entry, delivery.checks));
      return true;
    }
    let answered = false;
    let waited = false;
    const { message, qos, retain, checks } = delivery;
    const pending = this.#room.gate.judgeDelivery(session.client, { message, entry, checks, qos, retain }, (verdict) => {
      answered = true;
      this.#pending = null;
      if (this.#stopped) return;
      if (this.#owed(id, delivery)) this.#send(id, delivery, verdict === 'deliver');
      if (waited) this.run();
    });
    if (answered) return true;
    waited = true;
    this.#pending = pending;
    return false;
  }

  #send(id: number, delivery: Delivery, allowed: boolean): void {
    if (!allowed) this.#abandon(id, delivery, 'not-authorized');
    else {
      const { message, qos, retain, subscriptionIds } = delivery;
      if (!this.#outlet.sendMessage(message, qos, retain, true, id, subscriptionIds)) this.#abandon(id, delivery, 'too-large');
      else this.#sent.add(id);
    }
  }

  /** Ends a message that was on its way: it is not sent again. */
  #abandon(id: number, delivery: Delivery, reason: 'not-authorized' | 'too-large'): void {
    this.#session.inFlight.free(id);
    this.#session.settle(delivery, reason);
  }
}
