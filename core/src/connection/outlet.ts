import { PacketType, type PublishFields, publishLength, writePublish } from '../codec/index.js';
import type { AuthorizedRun, Message, Mount } from '../gate/index.js';
import type { InFlight, Outlet } from '../session/index.js';
import type { OutBuffer } from './out-buffer.js';
import { writeRun } from './transcode.js';
import type { Transport } from './transport.js';

/** What the way out needs of its connection. */
export interface OutletOwner {
  readonly version: 3 | 4 | 5;
  readonly out: OutBuffer;
  readonly transport: Transport;
  readonly congested: boolean;
  now(): number;
  countSent(messages: number): void;
  end(reasonCode: number, detail: string): void;
}

/** The way out of one connection, as sessions see it. A new one for each connection, so that a late caller cannot reach the next client. */
export class ConnectionOutlet implements Outlet {
  /** Known with the CONNECT. */
  maxPacketBytes = 0;
  /** Where the client's topics lie; what goes out is shown without it. */
  mount: Mount | null = null;
  readonly #owner: OutletOwner;

  constructor(owner: OutletOwner) {
    this.#owner = owner;
  }

  get congested(): boolean {
    return this.#owner.congested;
  }

  sendRun(run: AuthorizedRun, qos: 0 | 1 | 2, inFlight: InFlight): void {
    if (this.mount !== null) return this.#sendOneByOne(run, qos, inFlight);
    writeRun(this.#owner.out, run, this.#owner.version === 5 ? 5 : 3, qos, inFlight);
    this.#owner.countSent(run.count);
  }

  sendMessage(message: Message, qos: 0 | 1 | 2, retain: boolean, dup: boolean, packetId: number, subscriptionIds: readonly number[] | null): boolean {
    const { out, version } = this.#owner;
    const shared = qos === 0 && subscriptionIds === null && message.expiresAt === 0 && this.mount === null;
    if (shared) return this.#sendShared(message, retain, version);
    const topic = this.mount === null ? message.topicBytes : this.mount.stripped(message.topicBytes);
    // No subscription of this client can have led here: it is not told of what lies elsewhere.
    if (topic === null) return false;
    const fields: PublishFields = {
      topic,
      payload: message.payload,
      qos,
      retain,
      dup,
      packetId,
      properties: message.properties,
      // [MQTT-3.3.2-6] What is left of it.
      messageExpirySeconds: message.expiresAt === 0 ? -1 : Math.max(0, Math.ceil((message.expiresAt - this.#owner.now()) / 1000)),
      subscriptionIds,
    };
    const bytes = publishLength(version, fields);
    // [MQTT-3.1.2-24]
    if (this.maxPacketBytes !== 0 && bytes > this.maxPacketBytes) return false;
    const target = out.reserve(bytes);
    out.commit(writePublish(target, out.offset, version, fields));
    this.#owner.countSent(1);
    return true;
  }

  recall(may: (topic: string) => boolean, recalled: (topic: string, packetId: number, dup: boolean) => void): boolean {
    const { out, transport } = this.#owner;
    const { mount } = this;
    // What stands in the buffer is what the client sees: rights speak of whole names.
    const rules =
      mount === null
        ? { may, recalled }
        : {
            may: (topic: string) => may(mount.topic(topic)),
            recalled: (topic: string, packetId: number, dup: boolean) => recalled(mount.topic(topic), packetId, dup),
          };
    if (out.recall(rules)) return true;
    // Better no stream at all than one that carries it; what was not acknowledged is sent again when the client is back.
    out.close();
    this.#owner.end(0x87, 'a message that may no longer be received could not be taken back');
    transport.destroy();
    return false;
  }

  /** The packets as they came carry the whole topic. */
  #sendOneByOne(run: AuthorizedRun, qos: 0 | 1 | 2, inFlight: InFlight): void {
    for (let i = run.first; i < run.last; i += 1) {
      const packetId = qos === 0 ? 0 : inFlight.take(qos, null);
      const sent = this.sendMessage(run.copy(i), qos, false, false, packetId, null);
      if (!sent && qos > 0) inFlight.free(packetId);
    }
  }

  sendPubrel(packetId: number): void {
    this.#owner.out.ack(PacketType.PUBREL, packetId);
  }

  end(reasonCode: number, detail: string): void {
    this.#owner.end(reasonCode, detail);
  }

  /** A QoS 0 copy without anything of the receiver's own is the same bytes for all receivers of a form. */
  #sendShared(message: Message, retain: boolean, version: 3 | 4 | 5): boolean {
    const slot = (version === 5 ? 2 : 0) + (retain ? 1 : 0);
    let packet = message.encodings?.[slot] ?? null;
    if (packet === null) {
      const fields: PublishFields = {
        topic: message.topicBytes,
        payload: message.payload,
        qos: 0,
        retain,
        dup: false,
        packetId: 0,
        properties: message.properties,
        messageExpirySeconds: -1,
        subscriptionIds: null,
      };
      packet = Buffer.allocUnsafe(publishLength(version, fields));
      writePublish(packet, 0, version, fields);
      message.encodings ??= [null, null, null, null];
      message.encodings[slot] = packet;
    }
    if (this.maxPacketBytes !== 0 && packet.length > this.maxPacketBytes) return false;
    this.#owner.out.shared(packet);
    this.#owner.countSent(1);
    return true;
  }
}
