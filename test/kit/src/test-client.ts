import type { ProtocolName } from '@portcullis/sdk';
import {
  type ConnectFields,
  connect5,
  connect31,
  connect311,
  disconnect,
  type PublishFields,
  puback,
  pubcomp,
  publish,
  pubrec,
  pubrel,
  subscribe,
  unsubscribe,
} from './packets.js';
import { type ReadPacket, readPacket } from './read-packet.js';
import { fromHex, toHex, type WireClient } from './wire-client.js';

export interface TestClientOptions {
  /** `3.1.1` unless told. */
  readonly protocol?: ProtocolName;
}

/** A packet that is awaited: its bytes in hexadecimal, a pattern for that text, or a test of the packet taken apart. */
export type Expected = string | RegExp | ((packet: ReadPacket) => boolean);

const LEVELS = { '3.1': 3, '3.1.1': 4, '5.0': 5 } as const;
const CONNECT_WRITERS = { '3.1': connect31, '3.1.1': connect311, '5.0': connect5 } as const;
const NAMES = [
  'nothing',
  'CONNECT',
  'CONNACK',
  'PUBLISH',
  'PUBACK',
  'PUBREC',
  'PUBREL',
  'PUBCOMP',
  'SUBSCRIBE',
  'SUBACK',
  'UNSUBSCRIBE',
  'UNSUBACK',
  'PINGREQ',
  'PINGRESP',
  'DISCONNECT',
  'AUTH',
];

const PUBLISH = 3;

let made = 0;

/** A scripted client. It sends what it is told, and fails when something else comes than what is awaited. */
export class TestClient {
  readonly wire: WireClient;
  readonly protocol: ProtocolName;
  readonly #level: 3 | 4 | 5;
  readonly #why: () => string;
  /** Messages that came while an acknowledgement was awaited, in order. */
  readonly #aside: ReadPacket[] = [];
  #packetId = 0;

  /** `why` says what the broker knows of what the client met; it ends the text of errors. */
  constructor(wire: WireClient, { protocol = '3.1.1' }: TestClientOptions = {}, why: () => string = () => '') {
    this.wire = wire;
    this.protocol = protocol;
    this.#level = LEVELS[protocol];
    this.#why = why;
  }

  /** Sends bytes: hexadecimal text, in which white space and comments (`;` or `//` to the end of a line) are for the eye. */
  send(bytes: string | Uint8Array): void {
    this.wire.send(bytes);
  }

  /** Sends a CONNECT and waits for nothing; the client identifier is a new one unless given. */
  sendConnect(fields: Partial<ConnectFields> = {}): void {
    made += 1;
    this.send(CONNECT_WRITERS[this.protocol]({ clientId: `kit-${made}`, ...fields }));
  }

  /** Sends a CONNECT and waits for the CONNACK that accepts it. */
  async connect(fields: Partial<ConnectFields> = {}): Promise<ReadPacket> {
    this.sendConnect(fields);
    return this.expectConnack(0);
  }

  /** Sends a CONNECT; gives the code by which it was refused, after the connection has ended. Fails when it was accepted. */
  async connectRefused(fields: Partial<ConnectFields> = {}): Promise<number> {
    this.sendConnect(fields);
    const connack = await this.#packetOf(2);
    if (connack.code === 0) throw new Error('the client was let in');
    await this.expectClosed();
    return connack.code ?? -1;
  }

  /** Waits for a CONNACK with this code: that of 3.x (0 to 5) or of 5.0, whichever the client speaks. */
  async expectConnack(code = 0): Promise<ReadPacket> {
    const connack = await this.#packetOf(2);
    if (connack.code !== code) throw this.#error(`awaited CONNACK with code ${hexCode(code)}, came ${hexCode(connack.code ?? -1)} [${connack.hex}]`);
    return connack;
  }

  /** Waits for the next packet, which must be as said; resolves with it, taken apart. */
  async expectPacket(expected?: Expected): Promise<ReadPacket> {
    const packet = await this.#next();
    const wanted = typeof expected === 'string' ? toHex(fromHex(expected)) : expected;
    const fits =
      wanted === undefined ||
      (typeof wanted === 'string' ? wanted === packet.hex : wanted instanceof RegExp ? wanted.test(packet.hex) : wanted(packet));
    if (!fits) throw this.#error(`awaited ${typeof wanted === 'function' ? 'another packet' : wanted}\n   came [${packet.hex}]`);
    return packet;
  }

  /** Waits for the next packet, which must be a PUBLISH; acknowledges it to its end. */
  async expectMessage(topic?: string, payload?: string): Promise<ReadPacket> {
    const message = await this.#packetOf(3);
    if (topic !== undefined && message.topic !== topic) throw new Error(`awaited a message on ${topic}, came one on ${message.topic}`);
    if (payload !== undefined && message.payload !== payload) throw new Error(`awaited the payload ${payload}, came ${message.payload}`);
    const packetId = message.packetId ?? 0;
    if (message.qos === 1) this.send(puback(packetId));
    if (message.qos === 2) {
      this.send(pubrec(packetId));
      await this.wire.expect(pubrel(packetId));
      this.send(pubcomp(packetId));
    }
    return message;
  }

  /** The broker ends the connection without another byte. */
  async expectClosed(): Promise<void> {
    this.#nothingAside('the end of the connection');
    await this.wire.expectClosed().catch((error: unknown) => this.#explain(error));
  }

  /** The broker ends the connection; in 5.0 it says why first. */
  async expectExpelled(reasonCode: number): Promise<void> {
    if (this.#level === 5) {
      const packet = await this.#packetOf(14);
      if (packet.code !== reasonCode) throw new Error(`awaited DISCONNECT ${hexCode(reasonCode)}, came ${hexCode(packet.code ?? -1)}`);
    }
    await this.expectClosed();
  }

  /** Fails if anything comes. Without a time to wait, a ping proves it: whatever the broker had to say, it said before the answer. */
  async expectSilence(waitMs?: number): Promise<void> {
    this.#nothingAside('silence');
    await this.wire.silence(waitMs);
  }

  /** Subscribes to one topic filter; gives the code of the SUBACK (the granted QoS, or 0x80 and above). */
  async subscribe(filter: string, qos: 0 | 1 | 2 = 0): Promise<number> {
    const packetId = this.#nextId();
    this.send(subscribe({ packetId, filters: [[filter, qos]], ...(this.#level === 5 && { properties: '' }) }));
    const suback = await this.#answerOf(9);
    if (suback.packetId !== packetId) throw new Error(`awaited the SUBACK of packet ${packetId}, came [${suback.hex}]`);
    return suback.codes[0] ?? -1;
  }

  async unsubscribe(filter: string): Promise<void> {
    const packetId = this.#nextId();
    this.send(unsubscribe({ packetId, filters: [filter], ...(this.#level === 5 && { properties: '' }) }));
    await this.#answerOf(11);
  }

  /**
   * Publishes. With QoS 1 or 2, awaits the acknowledgement and gives its reason code: 0 when accepted, and always 0 in 3.x, where a refused
   * message is acknowledged and dropped. With QoS 0 nothing is awaited. Messages that come before the acknowledgement, of its own subscriptions too, are there
   * for the next `expectMessage`.
   */
  async publish(topic: string, payload: string | Uint8Array = '', fields: Partial<PublishFields> = {}): Promise<number> {
    const packetId = this.#nextId();
    const { qos = 0 } = fields;
    this.send(publish({ topic, payload, packetId, ...(this.#level === 5 && { properties: '' }), ...fields }));
    if (qos === 0) return 0;
    const { code } = await this.#answerOf(qos === 1 ? 4 : 5);
    if (qos === 2 && (code ?? 0) < 0x80) {
      this.send(pubrel(packetId));
      await this.#answerOf(7);
    }
    return (code ?? 0) < 0x80 ? 0 : (code ?? 0);
  }

  /** Says goodbye and waits until the broker has closed. */
  async disconnect(): Promise<void> {
    this.send(disconnect());
    await this.expectClosed();
  }

  /** Ends the connection without a DISCONNECT, in good order (FIN). */
  close(): void {
    this.wire.close();
  }

  /** Breaks the connection (RST), as when the power goes. */
  reset(): void {
    this.wire.reset();
  }

  #nextId(): number {
    this.#packetId = (this.#packetId % 65_535) + 1;
    return this.#packetId;
  }

  async #packetOf(type: number): Promise<ReadPacket> {
    const packet = await this.#next(`a ${NAMES[type]}`);
    if (packet.type !== type) throw this.#error(`awaited a ${NAMES[type]}, came a ${NAMES[packet.type]} [${packet.hex}]`);
    return packet;
  }

  /** As `packetOf`, past messages: they come when they like, also between a packet and its answer. */
  async #answerOf(type: number): Promise<ReadPacket> {
    for (;;) {
      const packet = await this.#read(`a ${NAMES[type]}`);
      if (packet.type === type) return packet;
      if (packet.type !== PUBLISH) throw this.#error(`awaited a ${NAMES[type]}, came a ${NAMES[packet.type]} [${packet.hex}]`);
      this.#aside.push(packet);
    }
  }

  async #next(what?: string): Promise<ReadPacket> {
    return this.#aside.shift() ?? (await this.#read(what));
  }

  async #read(what?: string): Promise<ReadPacket> {
    return readPacket(await this.wire.readPacket(what).catch((error: unknown) => this.#explain(error)), this.#level);
  }

  #nothingAside(awaited: string): void {
    const [packet] = this.#aside;
    if (packet !== undefined) throw this.#error(`awaited ${awaited}, came a PUBLISH [${packet.hex}]`);
  }

  #error(message: string): Error {
    return new Error(`${message}${this.#why()}`);
  }

  #explain(error: unknown): never {
    const why = this.#why();
    throw why === '' || !(error instanceof Error) ? error : new Error(`${error.message}${why}`, { cause: error });
  }
}

function hexCode(code: number): string {
  return code < 0x10 ? String(code) : `0x${code.toString(16).toUpperCase()}`;
}
