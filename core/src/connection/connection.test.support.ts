import assert from 'node:assert/strict';
import type { PublishProperties } from '@portcullis/sdk';
import { type Packet, parser } from 'mqtt-packet';
import { ManualClock, TimerWheel } from '../clock.js';
import { decodePublishProperties, encodePublishProperties } from '../codec/index.js';
import { CONNECTION, type FakeStanding, identified, rules, SESSION_RULES, SKIP, standingOf } from '../gate/gate.test.support.js';
import { Gate, type GateChain, type SessionRules } from '../gate/index.js';
import { type Limits, makeLimits } from '../limits.js';
import { Logger } from '../log.js';
import { Router } from '../router/index.js';
import { SessionRegistry } from '../session/index.js';
import { Stats } from '../stats.js';
import { Custody, MemoryRetainedStore, MemorySessionStore } from '../store/index.js';
import { slowCustody } from '../store/store.test.support.js';
import { Turns } from '../turns.js';
import type { Connection } from './connection.js';
import { Descriptors } from './descriptors.js';
import { openConnection } from './open-connection.js';
import { Flusher } from './out-buffer.js';
import { type ConnectionRoom, Scratch } from './room.js';
import { Strangers } from './strangers.js';
import type { Transport } from './transport.js';
import { Unsent } from './unsent.js';

/** A socket that keeps what is written to it. */
export class FakeTransport implements Transport {
  readonly info = CONNECTION;
  readonly tls = null;
  readonly writes: Buffer[] = [];
  buffered = 0;
  paused = false;
  ended = false;
  /** Whether the kernel takes everything at once. */
  takes = true;

  write(buffer: Buffer, _slab: Buffer | null): boolean {
    this.writes.push(Buffer.from(buffer));
    return this.takes;
  }

  writeAll(buffers: readonly Buffer[]): void {
    for (const buffer of buffers) this.write(buffer, null);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  end(): void {
    this.ended = true;
  }

  destroy(): void {
    this.ended = true;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.writes);
  }
}

/** Packets as an independent parser reads them. */
export function parseAll(bytes: Buffer, version: 3 | 4 | 5): Packet[] {
  const theirs = parser({ protocolVersion: version });
  const packets: Packet[] = [];
  theirs.on('packet', (packet) => packets.push(packet));
  theirs.on('error', (error) => {
    throw error;
  });
  assert.equal(theirs.parse(bytes), 0, 'bytes left over');
  return packets;
}

export interface Peer {
  readonly connection: Connection;
  readonly transport: FakeTransport;
  /** Feeds bytes, writes what is to be written, and gives the packets that came back since the last time. */
  send(...hex: (string | Buffer)[]): Packet[];
  /** Packets that came since the last time. */
  packets(): Packet[];
  version: 3 | 4 | 5;
}

export function connectionRig(
  given: { limits?: Partial<Limits>; chain?: Partial<GateChain>; sessionRules?: Partial<SessionRules>; own?: readonly string[]; slow?: boolean } = {},
) {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, (error) => {
    throw error;
  });
  const stats = new Stats();
  const limits = makeLimits(given.limits);
  const lines: string[] = [];
  const log = new Logger((line) => lines.push(line), 'debug');
  const sessionRules = { ...SESSION_RULES, ...given.sessionRules };
  const standing: FakeStanding = standingOf(given.chain);
  standing.hooks.script.set('authenticate', identified('ann')).set('code authorize', SKIP);
  standing.hooks.script.set('loadPolicy', [{ plugin: 'rules', grant: { version: 1, rules: rules(...(given.own ?? ['+#'])) } }]);
  const properties = { decode: (bytes: Buffer) => decodePublishProperties(bytes) as PublishProperties, encode: encodePublishProperties };
  const gate = new Gate({ wheel, limits, log, stats, properties, sessionRules });
  gate.stand(new Map([['default', standing]]), standing.global, sessionRules);
  const stores = slowCustody();
  const memory = new Custody(
    new MemorySessionStore(),
    new MemoryRetainedStore(),
    () => {},
    () => {},
  );
  const custody = given.slow === true ? stores.custody : memory;
  const router = new Router({ limits, stats, custody, clock });
  const shared = {
    gate,
    router,
    custody,
    wheel,
    turns: new Turns(wheel.clock, () => {}),
    urgent: new Turns(wheel.clock, () => {}, 10),
    limits,
    stats,
    log,
  };
  const wills: string[] = [];
  const registry = new SessionRegistry(shared, (_session, message, judged) => {
    wills.push(message.topic);
    judged();
  });
  const forgotten: object[] = [];
  const flusher = new Flusher();
  const room: ConnectionRoom = {
    ...shared,
    registry,
    flusher,
    scratch: new Scratch(),
    strangers: new Strangers(shared),
    descriptors: new Descriptors(limits, () => stats.connectionsOpen),
    unsent: new Unsent(shared),
    forget: (connection) => void forgotten.push(connection),
  };
  const connect = (version: 3 | 4 | 5): Peer => {
    const transport = new FakeTransport();
    const connection = openConnection(room, transport, 'default');
    let seen = 0;
    const peer: Peer = {
      connection,
      transport,
      version,
      packets() {
        flusher.flush();
        const fresh = transport.bytes.subarray(seen);
        seen += fresh.length;
        return parseAll(fresh, peer.version);
      },
      send(...parts) {
        const chunk = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part.replaceAll(' ', ''), 'hex') : part)));
        connection.received(chunk);
        // The chunk is used again for the next read of any socket.
        chunk.fill(0xdb);
        return peer.packets();
      },
    };
    return peer;
  };
  return { room, clock, wheel, stats, lines, standing, gate, router, registry, connect, wills, forgotten, ...stores };
}

// Packets by hand; no topic or payload here is longer than 100 bytes.
const word = (value: number): string => value.toString(16).padStart(4, '0');
const field = (text: string): string => word(Buffer.byteLength(text)) + Buffer.from(text).toString('hex');

export function frame(firstByte: number, body: string): string {
  const length = body.length / 2;
  const bytes = length < 128 ? [length] : [(length & 0x7f) | 0x80, length >> 7];
  return Buffer.from([firstByte, ...bytes]).toString('hex') + body;
}

export function connectHex(
  version: 3 | 4 | 5,
  clientId = 'c1',
  given: { clean?: boolean; properties?: string; will?: string; keepAlive?: number } = {},
): string {
  const { clean = true, properties = '', will, keepAlive = 60 } = given;
  const name = version === 3 ? field('MQIsdp') : field('MQTT');
  const flags = (clean ? 0x02 : 0) | (will === undefined ? 0 : 0x04);
  const list = version === 5 ? (properties.length / 2).toString(16).padStart(2, '0') + properties : '';
  const last = will === undefined ? '' : `${version === 5 ? '00' : ''}${field(will)}${field('gone')}`;
  return frame(0x10, `${name}0${version}${flags.toString(16).padStart(2, '0')}${word(keepAlive)}${list}${field(clientId)}${last}`);
}

export function publishHex(
  version: 3 | 4 | 5,
  topic: string,
  payload: string,
  given: { qos?: number; id?: number; retain?: boolean; properties?: string } = {},
): string {
  const { qos = 0, id = 0, retain = false, properties = '' } = given;
  const list = version === 5 ? (properties.length / 2).toString(16).padStart(2, '0') + properties : '';
  return frame(0x30 | (qos << 1) | (retain ? 1 : 0), `${field(topic)}${qos > 0 ? word(id) : ''}${list}${Buffer.from(payload).toString('hex')}`);
}

export function subscribeHex(version: 3 | 4 | 5, id: number, filter: string, qos = 2): string {
  return frame(0x82, `${word(id)}${version === 5 ? '00' : ''}${field(filter)}0${qos}`);
}

export const PINGREQ = 'c000';
export const DISCONNECT = 'e000';
