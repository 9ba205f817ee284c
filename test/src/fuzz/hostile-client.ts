import type { Packet } from 'mqtt-packet';
import { someConnect, somePacket, VERSIONS, type Version } from './corpus.js';
import type { MemoryBroker } from './memory-broker.js';
import { mutate } from './mutate.js';
import type { Peer } from './peer.js';
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

  /** Sends one mutated packet: as the first, as CONNECT, or after proper ones. */
  step(): void {
    const random = this.#random;
    if (this.#peer.ended || random.oneIn(200)) {
      this.#again();
      const dice = random.below(12);
      if (dice === 0) return this.#send(this.#mutated());
      const connect = someConnect(random, this.#version);
      if (dice < 3) return this.#send(mutate(random, connect, this.#version));
      this.#send(connect);
    }
    for (let proper = random.below(6); proper > 0; proper -= 1) this.#send(somePacket(random, this.#version));
    this.#send(this.#mutated());
    if (random.oneIn(this.#stalled ? 30 : 40)) this.#toggle();
  }

  /** Reads what came, and acknowledges some of it as it should. */
  read(): void {
    const bytes = this.#peer.take();
    if (bytes.length === 0) return;
    this.#reader ??= new Reader(formOf(bytes, this.#version));
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
    // Into a connection that was ended, or right before it breaks.
    if (random.oneIn(2)) this.#peer.send(somePacket(random, this.#version));
    this.close();
    this.#peer = this.#broker.connect();
    this.#reader = null;
    this.#stalled = false;
    this.#last = [];
    this.#version = random.pick(VERSIONS);
  }

  #mutated(): Buffer {
    const version = this.#random.oneIn(12) ? this.#random.pick(VERSIONS) : this.#version;
    return mutate(this.#random, somePacket(this.#random, version), version);
  }

  #toggle(): void {
    this.#stalled = !this.#stalled;
    if (this.#stalled) this.#peer.stall();
    else this.#peer.drain();
  }

  #send(bytes: Buffer): void {
    // A copy, and now and then in pieces: what the broker reads does not change afterwards, and ends anywhere.
    const cut = this.#random.oneIn(10) ? this.#random.below(bytes.length + 1) : 0;
    if (cut > 0) this.#peer.send(Buffer.from(bytes.subarray(0, cut)));
    if (cut < bytes.length) this.#peer.send(Buffer.from(bytes.subarray(cut)));
    this.#last.push(bytes);
    if (this.#last.length > 40) this.#last.shift();
  }

  #acknowledge(packet: Packet): void {
    const first =
      packet.cmd === 'pubrel'
        ? 0x70
        : packet.cmd === 'pubrec'
          ? 0x62
          : packet.cmd !== 'publish' || packet.qos === 0
            ? 0
            : packet.qos === 1
              ? 0x40
              : 0x50;
    const packetId = packet.messageId ?? 0;
    if (first !== 0) this.#peer.send(Buffer.from([first, 2, packetId >> 8, packetId & 0xff]));
  }
}

/** The version in which the broker answers, which a broken CONNECT may have changed: a CONNACK of 5.0 has properties. */
function formOf(bytes: Buffer, asked: Version): Version {
  const five = (bytes[0] as number) >> 4 === 15 || (bytes[1] as number) > 2;
  return five ? 5 : asked === 5 ? 4 : asked;
}
