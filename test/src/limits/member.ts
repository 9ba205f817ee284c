import type { Packet } from 'mqtt-packet';
import type { Version } from '../fuzz/corpus.js';
import type { MemoryBroker } from '../fuzz/memory-broker.js';
import type { Peer } from '../fuzz/peer.js';
import { Reader } from '../fuzz/relay-rules.js';
import {
  type ConnectFields,
  connect5,
  connect31,
  connect311,
  type PublishFields,
  publish,
  pubrel,
  type SubscribeFields,
  subscribe,
} from '../support/packets.js';
import { fromHex } from '../support/wire-client.js';

export type Published = Packet & { cmd: 'publish' };

export interface MemberOptions extends Partial<ConnectFields> {
  readonly version?: Version;
  /** Where it comes from. */
  readonly address?: string;
}

const CONNECT = { 3: connect31, 4: connect311, 5: connect5 } as const;

/** A client of a broker in memory: sends proper packets, reads what comes, acknowledges when told to. */
export class Member {
  readonly peer: Peer;
  readonly version: Version;
  readonly came: Packet[] = [];
  acknowledges = true;
  readonly #reader: Reader;
  readonly #chunks: Buffer[] = [];

  constructor(broker: MemoryBroker, options: MemberOptions = {}) {
    const { version = 4, clientId = `m${Math.floor(broker.stats.connectionsAccepted)}` } = options;
    this.version = version;
    this.peer = broker.connect(options.address);
    this.#reader = new Reader(version);
    this.peer.send(fromHex(CONNECT[version]({ username: 'amy', password: 'p', ...options, clientId })));
  }

  /** Connects and waits for the CONNACK. */
  static async join(broker: MemoryBroker, options: MemberOptions = {}): Promise<Member> {
    const member = new Member(broker, options);
    await broker.settle();
    member.read();
    const [first] = member.came;
    if (first?.cmd !== 'connack' || (first.returnCode ?? first.reasonCode) !== 0) throw new Error(`not accepted: ${JSON.stringify(first)}`);
    member.came.shift();
    return member;
  }

  send(hex: string): void {
    this.peer.send(fromHex(hex));
  }

  publish(fields: PublishFields): void {
    this.send(this.publishBytes(fields));
  }

  publishBytes(fields: PublishFields): string {
    return publish(this.version === 5 ? { properties: '', ...fields } : fields);
  }

  subscribe(filters: SubscribeFields['filters'], more: Partial<SubscribeFields> = {}): void {
    this.send(subscribe({ filters, ...(this.version === 5 ? { properties: '' } : {}), ...more }));
  }

  release(packetId: number): void {
    this.send(pubrel(packetId));
  }

  /** Reads what came. */
  read(): Packet[] {
    const bytes = this.peer.take();
    if (bytes.length > 0) this.#chunks.push(bytes);
    const packets = [...this.#reader.read(bytes)];
    if (this.acknowledges) for (const packet of packets) this.#acknowledge(packet);
    for (const packet of packets) this.came.push(packet);
    return packets;
  }

  /** All bytes that came. */
  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get published(): Published[] {
    return this.came.filter((packet): packet is Published => packet.cmd === 'publish');
  }

  get payloads(): string[] {
    return this.published.map(({ payload }) => String(payload));
  }

  kinds(cmd: Packet['cmd']): Packet[] {
    return this.came.filter((packet) => packet.cmd === cmd);
  }

  #acknowledge(packet: Packet): void {
    if (packet.cmd === 'publish') this.acknowledge(packet);
    else if (packet.cmd === 'pubrel') this.#answer(0x70, packet.messageId ?? 0);
  }

  /** PUBACK or PUBREC. */
  acknowledge({ qos, messageId = 0 }: Pick<Published, 'qos' | 'messageId'>): void {
    if (qos > 0) this.#answer(qos === 1 ? 0x40 : 0x50, messageId);
  }

  #answer(first: number, packetId: number): void {
    if (!this.peer.ended) this.peer.send(Buffer.from([first, 2, packetId >> 8, packetId & 0xff]));
  }
}

/** Turns until nobody gets anything any more. */
export async function quiet(broker: MemoryBroker, members: readonly Member[]): Promise<void> {
  for (let silent = 0; silent < 4; ) {
    await broker.turn();
    const came = members.reduce((count, member) => count + member.read().length, 0);
    silent = came === 0 ? silent + 1 : 0;
  }
}

/** Whole numbers from `first` to below `end`, as text. */
export function numbers(first: number, end: number): string[] {
  return Array.from({ length: end - first }, (_, index) => String(first + index));
}
