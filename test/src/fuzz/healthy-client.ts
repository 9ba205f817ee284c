import { connect5, publish, pubrel, subscribe } from '../support/packets.js';
import { fromHex } from '../support/wire-client.js';
import type { MemoryBroker } from './memory-broker.js';
import type { Peer } from './peer.js';
import { Reader } from './relay-rules.js';
import { HEALTHY } from './users-plugin.js';

/** A client that does nothing wrong and must not notice what others do: it gets each of its own messages once and in order. */
export class HealthyClient {
  readonly #peer: Peer;
  readonly #reader = new Reader(5);
  #sent = 0;
  #came = 0;

  constructor(broker: MemoryBroker) {
    this.#peer = broker.connect();
    this.#peer.send(fromHex(connect5({ clientId: 'healthy', ...HEALTHY })));
    this.#peer.send(fromHex(subscribe({ filters: [['healthy/#', 2]], properties: '' })));
  }

  get came(): number {
    return this.#came;
  }

  publish(): void {
    const qos = (this.#sent % 3) as 0 | 1 | 2;
    this.#sent += 1;
    const packetId = 1 + (this.#sent % 60_000);
    this.#peer.send(fromHex(publish({ topic: `healthy/${this.#sent % 7}`, payload: String(this.#sent), qos, packetId, properties: '' })));
    if (qos === 2) this.#peer.send(fromHex(pubrel(packetId)));
  }

  /** Reads and acknowledges what came. */
  read(): void {
    for (const packet of this.#reader.read(this.#peer.take())) {
      if (packet.cmd === 'disconnect') throw new Error(`the healthy client was sent away: ${packet.reasonCode}`);
      if (packet.cmd === 'pubrel' || packet.cmd === 'publish')
        this.#acknowledge(packet.cmd, packet.messageId ?? 0, packet.cmd === 'publish' ? packet.qos : 2);
      if (packet.cmd !== 'publish') continue;
      this.#came += 1;
      if (String(packet.payload) !== String(this.#came)) throw new Error(`the healthy client got ${packet.payload} instead of ${this.#came}`);
    }
  }

  /** Fails unless everything has come. */
  judge(): void {
    if (this.#came !== this.#sent) throw new Error(`the healthy client sent ${this.#sent} messages and got ${this.#came}`);
    if (this.#peer.ended) throw new Error('the healthy client was disconnected');
  }

  close(): void {
    this.#peer.disappear();
  }

  #acknowledge(cmd: 'publish' | 'pubrel', packetId: number, qos: number): void {
    if (qos === 0) return;
    const first = cmd === 'pubrel' ? 0x70 : qos === 1 ? 0x40 : 0x50;
    this.#peer.send(Buffer.from([first, 2, packetId >> 8, packetId & 0xff]));
  }
}
