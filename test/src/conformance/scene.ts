import assert from 'node:assert/strict';
import { BrokerProcess, type FolderFiles, passwordLine } from '../support/broker-process.js';
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
  uint32,
  unsubscribe,
} from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';
import { type ReadPacket, readPacketText } from './packet-reader.js';

/** Protocol level: 3 is MQTT 3.1, 4 is 3.1.1. */
export type Level = 3 | 4 | 5;
export const LEVELS: readonly Level[] = [3, 4, 5];
const NAMES = { 3: '3.1', 4: '3.1.1', 5: '5.0' } as const;
const CONNECT = { 3: connect31, 4: connect311, 5: connect5 } as const;

/** The CONNECT of a level; properties are left out where there are none. */
export function connectOf(level: Level, fields: ConnectFields): string {
  return CONNECT[level](fields);
}

/** A session that lasts, in the words of each level. */
export function lasting(level: Level, seconds = 1000): Partial<ConnectFields> {
  return level === 5 ? { cleanSession: false, properties: `11${uint32(seconds)}` } : { cleanSession: false };
}

/** Runs a check for several levels at once; a failure says for which. */
export async function eachLevel(levels: readonly Level[], check: (level: Level) => Promise<void>): Promise<void> {
  const failures: unknown[] = [];
  await Promise.all(levels.map((level) => check(level).catch((error: unknown) => failures.push(labelled(`MQTT ${NAMES[level]}`, error)))));
  if (failures.length > 0) throw failures[0];
}

/** Runs many small cases, a few at a time; a failure names its case. */
export async function eachCase<Item>(cases: readonly (readonly [name: string, item: Item])[], check: (item: Item) => Promise<void>): Promise<void> {
  for (let from = 0; from < cases.length; from += 16) {
    const failures: unknown[] = [];
    await Promise.all(
      cases.slice(from, from + 16).map(([name, item]) => check(item).catch((error: unknown) => failures.push(labelled(name, error)))),
    );
    if (failures.length > 0) throw failures[0];
  }
}

function labelled(label: string, error: unknown): Error {
  return new Error(`${label}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
}

/** Who a client is unless told otherwise: only somebody with a name has a session that lasts. */
export const MEMBER = { username: 'member', password: 'open' } as const;
const USERS = { alice: 'secret', bob: 'hidden' };
const ACL = `topic readwrite #
topic readwrite $dollar/#
user alice
topic readwrite #
topic deny closed/#
user bob
topic readwrite #
user member
topic readwrite #
topic readwrite $dollar/#
`;

export interface SceneOptions {
  readonly limits?: Readonly<Record<string, number>>;
  readonly sessions?: Readonly<Record<string, unknown>>;
  readonly chain?: Readonly<Record<string, unknown>>;
  readonly plugins?: Readonly<Record<string, unknown>>;
  readonly users?: Readonly<Record<string, string>>;
  readonly acl?: string;
  readonly files?: FolderFiles;
  /** More of `plugins.json` at its top. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** One broker for the tests of a file. Nobody needs a name; member may do everything, alice all but `closed/#`, bob all. */
export class Scene {
  readonly broker: BrokerProcess;
  #names = 0;

  constructor(broker: BrokerProcess) {
    this.broker = broker;
  }

  static async start(options: SceneOptions = {}): Promise<Scene> {
    const files = {
      'plugins.json': {
        version: 1,
        listeners: {
          local: { url: 'mqtt://127.0.0.1:0', chain: 'default' },
          web: { url: 'ws://127.0.0.1:0/mqtt', chain: 'default' },
        },
        plugins: {
          passwords: { use: '@portcullis/plugin-password-file', config: { file: 'data/passwords', watch: false } },
          nobody: { use: '@portcullis/plugin-anonymous' },
          rules: { use: '@portcullis/plugin-acl-file', config: { file: 'data/acl', watch: false } },
          ...options.plugins,
        },
        chains: { default: { authenticate: ['passwords', 'nobody'], authorize: ['rules'], ...options.chain } },
        ...(options.sessions === undefined ? {} : { sessions: options.sessions }),
        ...(options.limits === undefined ? {} : { limits: options.limits }),
        ...options.more,
      },
      'data/passwords': Object.entries({ [MEMBER.username]: MEMBER.password, ...(options.users ?? USERS) })
        .map(([name, password]) => passwordLine(name, password))
        .join(''),
      'data/acl': options.acl ?? ACL,
      ...options.files,
    };
    return new Scene(await BrokerProcess.start({ files }));
  }

  /** Ends the broker; that it could is part of every file's result. */
  async stop(): Promise<void> {
    assert.equal(await this.broker.stop(), 0, this.broker.output);
    assert.doesNotMatch(this.broker.output, /PCL_INVARIANT/, 'the broker says that it broke');
  }

  /** A name that no other test of the file has. */
  name(prefix = 'n'): string {
    this.#names += 1;
    return `${prefix}-${this.#names}`;
  }

  /** A connection on which nothing has been said. */
  wire(): Promise<WireClient> {
    return WireClient.connect(this.broker.port('local'));
  }

  /** A client that was accepted. */
  async open(level: Level, fields: Partial<ConnectFields> = {}): Promise<Peer> {
    const peer = new Peer(await this.wire(), level);
    const who = fields.username === undefined && fields.password === undefined ? MEMBER : {};
    await peer.connect({ clientId: this.name('c'), ...who, ...fields });
    return peer;
  }

  /** The code by which a CONNECT is refused. The connection must end after it. */
  async refusal(level: Level, fields: ConnectFields): Promise<number> {
    const wire = await this.wire();
    wire.send(connectOf(level, fields));
    const connack = readPacketText(await wire.readPacket('a refusing CONNACK'), level);
    assert.equal(connack.type, 2);
    assert.equal(connack.sessionPresent, false, 'a refusal speaks of a session');
    await wire.expectClosed();
    return connack.code ?? -1;
  }

  /** Sends bytes on an accepted connection, which must end for that: with the reason code in 5.0, without a byte in 3.x. */
  async violation(level: Level, bytes: string, reasonCode: number): Promise<void> {
    const peer = await this.open(level);
    peer.send(bytes);
    await peer.expelled(reasonCode);
  }

  /** Sends bytes on a fresh connection, which must end without an answer. */
  async speechless(bytes: string): Promise<void> {
    const wire = await this.wire();
    wire.send(bytes);
    await wire.expectClosed();
  }

  /**
   * Lets time pass on the broker's own clock, without sleeping: the will of a client that is gone comes after its delay.
   */
  async seconds(count: number): Promise<void> {
    const topic = `clock/${this.name()}`;
    const listener = await this.open(5);
    await listener.subscribe([[topic, 0]]);
    const clock = await this.open(5, {
      properties: `11${uint32(count + 60)}`,
      will: { topic, payload: '', properties: `18${uint32(count)}` },
    });
    clock.wire.reset();
    assert.equal((await listener.next()).topic, topic);
    await listener.leave();
  }
}

/** A client of one protocol level that was accepted, or is about to be. */
export class Peer {
  readonly wire: WireClient;
  readonly level: Level;
  connack: ReadPacket | null = null;

  constructor(wire: WireClient, level: Level) {
    this.wire = wire;
    this.level = level;
  }

  /** Sends CONNECT and awaits its acceptance. */
  async connect(fields: ConnectFields): Promise<ReadPacket> {
    this.send(connectOf(this.level, fields));
    this.connack = await this.packet(2);
    assert.equal(this.connack.code, 0, `refused: ${this.connack.hex}`);
    return this.connack;
  }

  get sessionPresent(): boolean {
    return this.connack?.sessionPresent === true;
  }

  /** A property of the CONNACK, as hexadecimal text. */
  property(id: number): string | undefined {
    return this.connack?.properties.find(([found]) => found === id)?.[1];
  }

  send(bytes: string): void {
    this.wire.send(bytes);
  }

  publish(fields: PublishFields): void {
    this.send(publish(this.level === 5 ? { properties: '', ...fields } : fields));
  }

  /** Publishes with QoS 1 and awaits the PUBACK; gives its reason code. */
  async publish1(fields: Omit<PublishFields, 'qos'>): Promise<number> {
    const packetId = fields.packetId ?? 1;
    this.publish({ ...fields, qos: 1, packetId });
    const { packetId: answered, code } = await this.packet(4);
    assert.equal(answered, packetId);
    return code ?? 0;
  }

  /** Publishes with QoS 2 and goes through the whole handshake. */
  async publish2(fields: Omit<PublishFields, 'qos'>): Promise<void> {
    const packetId = fields.packetId ?? 1;
    this.publish({ ...fields, qos: 2, packetId });
    await this.expect(pubrec(packetId));
    this.send(pubrel(packetId));
    await this.expect(pubcomp(packetId));
  }

  /** Publishes with QoS 0 and awaits that the broker has dealt with it. */
  async publish0(fields: Omit<PublishFields, 'qos'>): Promise<void> {
    this.publish({ ...fields, qos: 0 });
    await this.wire.silence();
  }

  /** Subscribes; gives the codes of the SUBACK. */
  async subscribe(filters: readonly (readonly [string, number])[], properties = '', packetId = 10): Promise<readonly number[]> {
    this.send(subscribe(this.level === 5 ? { filters, packetId, properties } : { filters, packetId }));
    const suback = await this.packet(9);
    assert.equal(suback.packetId, packetId);
    return suback.codes;
  }

  /** Unsubscribes; gives the codes of the UNSUBACK, none before 5.0. */
  async unsubscribe(filters: readonly string[], packetId = 11): Promise<readonly number[]> {
    this.send(unsubscribe(this.level === 5 ? { filters, packetId, properties: '' } : { filters, packetId }));
    const unsuback = await this.packet(11);
    assert.equal(unsuback.packetId, packetId);
    return unsuback.codes;
  }

  /** The next packet, whatever it is. */
  async any(): Promise<ReadPacket> {
    return readPacketText(await this.wire.readPacket(), this.level);
  }

  async packet(type: number): Promise<ReadPacket> {
    const packet = await this.any();
    assert.equal(packet.type, type, `awaited packet type ${type}, came ${packet.hex}`);
    return packet;
  }

  /** The next packet, which must be a PUBLISH. */
  next(): Promise<ReadPacket> {
    return this.packet(3);
  }

  /** The payloads of the next PUBLISH packets. */
  async payloads(count: number): Promise<string[]> {
    const found: string[] = [];
    for (let i = 0; i < count; i += 1) found.push((await this.next()).payload);
    return found;
  }

  /** Acknowledges a PUBLISH to its end. */
  async acknowledge(packet: ReadPacket): Promise<void> {
    const packetId = packet.packetId ?? 0;
    if (packet.qos === 1) this.send(puback(packetId));
    if (packet.qos !== 2) return;
    this.send(pubrec(packetId));
    await this.expect(pubrel(packetId));
    this.send(pubcomp(packetId));
  }

  expect(bytes: string): Promise<void> {
    return this.wire.expect(bytes);
  }

  /** Nothing came, and the connection stands. */
  silence(): Promise<void> {
    return this.wire.silence();
  }

  /** The broker ends the connection: 5.0 is told why. */
  async expelled(reasonCode: number): Promise<void> {
    if (this.level === 5) {
      const packet = await this.any();
      assert.equal(packet.type, 14, `awaited DISCONNECT, came ${packet.hex}`);
      assert.equal(packet.code?.toString(16), reasonCode.toString(16), 'reason code of DISCONNECT');
    }
    await this.wire.expectClosed();
  }

  /** Says goodbye and waits until the broker has closed. */
  async leave(reasonCode?: number, properties?: string): Promise<void> {
    this.send(disconnect(reasonCode, properties));
    await this.wire.expectClosed();
  }
}
