import type { Packet } from 'mqtt-packet';
import { type Version, VERSIONS, someConnect, somePacket } from './corpus.js';
import type { MemoryBroker, Peer } from './memory-broker.js';
import { mutate } from './mutate.js';
import type { Random } from './random.js';
import { Reader } from './relay-rules.js';

/** One client after the other on one place: connects, sends what it should not, is sent away, comes again. */
export class HostileClient {
  /** What the broker sent, by kind. */
  readonly came = new Map<string, number>();
  readonly #broker: MemoryBroker;
  readonly #random: Random;
  #version: Version = 4;
  #peer: Peer;
  #reader: Reader | null = null;
  #stalled = false;
  #last: Buffer[] = [];

  constructor(broker: MemoryBroker, random: Random) {
    this.#broker = broker;
    this.#random = random;
    this.#peer = broker.connect();
  }

  /** The last packets of this connection, for whoever looks for what broke. */
  get history(): string {
    return this.#last.map((bytes) => bytes.toString('hex')).join(' ');
  }

  /** Sends one packet that is broken; first, as CONNECT, or after it. */
  step(): void {
    const random = this.#random;
    if (this.#peer.ended || random.oneIn(200)) return this.#again();
    if (random.oneIn(8)) this.#send(somePacket(random, this.#version));
    const odd = random.oneIn(12) ? random.pick(VERSIONS) : this.#version;
    const original = somePacket(random, odd);
    const bytes = random.oneIn(4) ? original : mutate(random, original, odd);
    if (random.oneIn(10) && bytes.length > 1) {
      const cut = 1 + random.below(bytes.length - 1);
      this.#send(bytes.subarray(0, cut));
      this.#send(bytes.subarray(cut));
    } else this.#send(bytes);
    if (random.oneIn(100)) {
      this.#stalled = !this.#stalled;
      if (this.#stalled) this.#peer.stall();
      else this.#peer.drain();
    }
  }

  /** Reads what came, and acknowledges some of it as it should. */
  read(): void {
    const bytes = this.#peer.take();
    if (bytes.length === 0) return;
    this.#reader ??= new Reader(this.#peer.version);
    for (const packet of this.#reader.read(bytes)) {
      this.came.set(packet.cmd, (this.came.get(packet.cmd) ?? 0) + 1);
      if (!this.#peer.ended && !this.#random.oneIn(5)) this.#acknowledge(packet);
    }
  }

  close(): void {
    if (this.#stalled) this.#peer.drain();
    this.read();
    this.#peer.disappear();
  }

  #again(): void {
    const random = this.#random;
    if (random.oneIn(2)) this.#peer.send(somePacket(random, this.#version));
    this.close();
    this.#peer = this.#broker.connect();
    this.#reader = null;
    this.#stalled = false;
    this.#last = [];
    this.#version = random.pick(VERSIONS);
    const connect = someConnect(random, this.#version);
    const dice = random.below(10);
    if (dice === 0) this.#send(mutate(random, somePacket(random, this.#version), this.#version));
    else this.#send(dice < 4 ? mutate(random, connect, this.#version) : connect);
  }

  #send(bytes: Buffer): void {
    this.#peer.send(Buffer.from(bytes));
    this.#last.push(bytes);
    if (this.#last.length > 40) this.#last.shift();
  }

  #acknowledge(packet: Packet): void {
    const first = packet.cmd === 'pubrel' ? 0x70 : packet.cmd === 'pubrec' ? 0x62 : packet.cmd !== 'publish' || packet.qos === 0 ? 0 : packet.qos === 1 ? 0x40 : 0x50;
    const packetId = packet.messageId ?? 0;
    if (first !== 0) this.#peer.send(Buffer.from([first, 2, packetId >> 8, packetId & 0xff]));
  }
}
