import type { Pending } from '../hooks/index.js';
import type { Delivery } from './delivery.js';
import { Awaited } from './in-flight.js';
import type { Outlet } from './outlet.js';
import type { SessionRoom } from './room.js';
import type { Session } from './session.js';

/**
 * Sends again what a client had not acknowledged when its connection ended, one after the other in the old order. Each is judged by the
 * rights of this moment; what may no longer go out is given up.
 */
export class Resending {
  readonly #room: SessionRoom;
  readonly #session: Session;
  readonly #outlet: Outlet;
  readonly #done: () => void;
  readonly #items: { id: number; awaited: number; delivery: Delivery }[];
  #position = 0;
  #pending: Pending | null = null;
  #stopped = false;

  constructor(room: SessionRoom, session: Session, outlet: Outlet, done: () => void) {
    this.#room = room;
    this.#session = session;
    this.#outlet = outlet;
    this.#done = done;
    this.#items = session.inFlight.all();
  }

  run(): void {
    while (!this.#stopped) {
      const item = this.#items[this.#position];
      if (item === undefined) {
        this.#stopped = true;
        this.#done();
        return;
      }
      this.#position += 1;
      if (!this.#next(item.id, item.awaited, item.delivery)) return;
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#pending?.cancel();
  }

  /** False when an answer has to be waited for. */
  #next(id: number, awaited: number, delivery: Delivery): boolean {
    // [MQTT-4.3.3-6] After PUBREL the PUBLISH is never sent again.
    if (awaited === Awaited.PUBCOMP) {
      this.#outlet.sendPubrel(id);
      return true;
    }
    const session = this.#session;
    const entry = session.domain.topics.intern(delivery.message.topic);
    if (!session.client.receiveAsks) {
      this.#send(id, delivery, !session.rightsChanged(delivery) || session.client.mayReceive(entry, delivery.checks));
      return true;
    }
    let answered = false;
    let waited = false;
    const { message, qos, retain, checks } = delivery;
    const pending = this.#room.gate.judgeDelivery(session.client, { message, entry, checks, qos, retain }, (verdict) => {
      answered = true;
      this.#pending = null;
      if (this.#stopped) return;
      this.#send(id, delivery, verdict === 'deliver');
      if (waited) this.run();
    });
    if (answered) return true;
    waited = true;
    this.#pending = pending;
    return false;
  }

  #send(id: number, delivery: Delivery, allowed: boolean): void {
    if (!allowed) this.#session.abandon(id, delivery, 'not-authorized');
    else if (!this.#outlet.sendMessage({ ...delivery, dup: true, packetId: id })) this.#session.abandon(id, delivery, 'too-large');
  }
}
