import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startWith, tlsClient } from '../listeners/scene.js';
import type { BrokerProcess } from '../support/broker-process.js';
import { Authority } from '../support/certificates.js';
import { connect5, connect311, type PublishFields, publish, subscribe } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';

const ALICE = { username: 'alice', password: 'secret' };
const TIMEOUT_MS = 1000;

const LIMITS = {
  maxPacketBytes: 2048,
  preAuthBytes: 1024,
  maxFiltersPerPacket: 3,
  maxTopicLevels: 4,
  maxUserProperties: 2,
  topicAliasMaximum: 2,
  connectTimeoutMs: TIMEOUT_MS,
  maxHalfOpenPerAddress: 5,
  maxConnectionsPerAddress: 9,
};

const authority = await Authority.create();
const pair = await authority.issue();
const tls = { cert: 'cert.pem', key: 'key.pem' };

interface TransportUnderTest {
  readonly name: string;
  /** Its listener, without the chain. */
  readonly listener: object;
  /** Whether a connection above a limit is told so by CONNACK, by HTTP, or not at all. */
  readonly tells: 'connack' | 'http' | 'nothing';
  /** Whether it has addresses. */
  readonly addressed: boolean;
  open(broker: BrokerProcess): Promise<WireClient>;
}

const address = (broker: BrokerProcess): NetConnectOpts => {
  const url = broker.url('local');
  return url.startsWith('unix:') ? { path: url.slice('unix:'.length) } : { port: broker.port('local'), host: '127.0.0.1' };
};

const TRANSPORTS: readonly TransportUnderTest[] = [
  {
    name: 'TCP',
    listener: { url: 'mqtt://127.0.0.1:0' },
    tells: 'connack',
    addressed: true,
    open: (broker) => WireClient.connect(broker.port('local')),
  },
  {
    name: 'TLS',
    listener: { url: 'mqtts://127.0.0.1:0', tls },
    tells: 'nothing',
    addressed: true,
    open: (broker) => tlsClient(broker.port('local'), { ca: authority.pem }),
  },
  {
    name: 'a Unix socket',
    listener: { url: 'unix:mqtt.sock' },
    tells: 'connack',
    addressed: false,
    open: (broker) => WireClient.over(connect(address(broker))),
  },
  {
    name: 'WebSocket',
    listener: { url: 'ws://127.0.0.1:0/mqtt' },
    tells: 'http',
    addressed: true,
    open: (broker) => WireClient.connectWebSocket(broker.url('local')),
  },
  {
    name: 'WebSocket over TLS',
    listener: { url: 'wss://127.0.0.1:0/mqtt', tls },
    tells: 'nothing',
    addressed: true,
    open: (broker) => WireClient.connectWebSocket(broker.url('local').replace('127.0.0.1', 'localhost'), { ca: authority.pem }),
  },
];

/** `26`, the user property, so many times. */
const userProperties = (count: number): string => '26 00 01 61 00 01 62'.repeat(count);

/** Packets that are one too many of something, and the reason code that 5.0 has for it. */
const TOO_MUCH: readonly (readonly [what: string, packet: (version: 4 | 5) => string | null, reasonCode: string])[] = [
  ['a packet', (version) => publishOf(version, { topic: 'a', payload: 'x'.repeat(2100) }), '95'],
  ['filters in a packet', (version) => subscribeOf(version, ['a', 'b', 'c', 'd']), '97'],
  ['levels of a filter', (version) => subscribeOf(version, ['a/b/c/d/e']), '97'],
  ['levels of a topic name', (version) => publishOf(version, { topic: 'a/b/c/d/e' }), '90'],
  ['user properties', (version) => (version === 5 ? publish({ topic: 'a', properties: userProperties(3) }) : null), '97'],
  ['topic aliases', (version) => (version === 5 ? publish({ topic: 'a', properties: '23 00 03' }) : null), '94'],
];

function publishOf(version: 4 | 5, fields: PublishFields): string {
  return publish(version === 5 ? { properties: '', ...fields } : fields);
}

function subscribeOf(version: 4 | 5, filters: readonly string[]): string {
  return subscribe({ filters: filters.map((filter) => [filter, 0] as const), ...(version === 5 ? { properties: '' } : {}) });
}

for (const { name, listener, tells, addressed, open } of TRANSPORTS) {
  describe(`limits over ${name}`, () => {
    let broker: BrokerProcess;
    let clients: WireClient[] = [];
    let sockets: Socket[] = [];

    before(async () => {
      const files = { 'cert.pem': pair.cert, 'key.pem': pair.key, 'data/acl': 'user alice\ntopic readwrite #\n' };
      broker = await startWith({ local: { ...listener, ...(addressed ? {} : { maxConnections: 9 }) } }, files, {
        more: { limits: { ...LIMITS, ...(addressed ? {} : { maxHalfOpen: 5 }) } },
      });
    });
    after(async () => assert.equal(await broker.stop(), 0));
    afterEach(async () => {
      for (const client of clients) client.close();
      // Only then are they no longer counted.
      while (clients.some(({ ending }) => ending === null)) await delay(5);
      for (const socket of sockets) socket.destroy();
      clients = [];
      sockets = [];
    });

    /** A socket that says nothing; `closed` is when the broker closed it, in milliseconds since it was opened. */
    async function silent(): Promise<{ socket: Socket; closed: Promise<number> }> {
      const socket = connect(address(broker));
      const opened = performance.now();
      sockets.push(socket);
      socket.on('error', () => {}).resume();
      const closed = once(socket, 'close').then(() => performance.now() - opened);
      await once(socket, 'connect');
      return { socket, closed };
    }

    async function client(clientId: string, version: 4 | 5 = 4): Promise<WireClient> {
      const opened = await open(broker);
      clients.push(opened);
      opened.send((version === 5 ? connect5 : connect311)({ clientId, ...ALICE }));
      return opened;
    }

    async function accepted(clientId: string, version: 4 | 5 = 4): Promise<WireClient> {
      const opened = await client(clientId, version);
      const connack = await opened.readPacket();
      assert.match(connack, version === 5 ? /^20 .. 00 00/ : /^20 02 00 00$/);
      return opened;
    }

    it('hold for packets: a 5.0 client is told the reason, a 3.1.1 client is closed', async () => {
      for (const [what, packet, reasonCode] of TOO_MUCH) {
        for (const version of [4, 5] as const) {
          const bytes = packet(version);
          if (bytes === null) continue;
          const greedy = await accepted('greedy', version);
          greedy.send(bytes);
          if (version === 5) assert.equal(await greedy.readPacket(what), `e0 01 ${reasonCode}`, what);
          await greedy.expectClosed();
        }
      }
    });

    it('hold for what comes before the CONNECT is accepted', async () => {
      const stranger = await open(broker);
      clients.push(stranger);
      const began = performance.now();
      stranger.send('10 ff 7f 00 04 4d 51 54 54 04 02 00 3c');
      await stranger.expectClosed();
      // By its header, not because the rest did not come in time.
      assert.ok(performance.now() - began < TIMEOUT_MS - 100);
    });

    it('hold for the time from accept to CONNACK', async () => {
      const [{ closed }, stranger] = [await silent(), await open(broker)];
      clients.push(stranger);
      const began = performance.now();
      stranger.send('10');
      const took = await closed;
      assert.ok(took >= TIMEOUT_MS - 50 && took < TIMEOUT_MS * 3, `${took} ms`);
      await stranger.expectClosed();
      assert.ok(performance.now() - began < TIMEOUT_MS * 3);
    });

    it('hold for half-open connections: a client that is not slow gets in all the same', async () => {
      const strangers = [];
      for (let i = 0; i < 5; i += 1) strangers.push(await silent());
      const patient = await accepted('patient');
      const [first] = strangers;
      const took = await first?.closed;
      assert.ok(took !== undefined && took < TIMEOUT_MS - 100, `the oldest was closed after ${took} ms`);
      await patient.silence();
      await broker.waitForOutput(/maxHalfOpenPerAddress is reached/);
      for (const { socket } of strangers) socket.destroy();
      await Promise.all(strangers.map(({ closed }) => closed));
    });

    it('hold for connections in all or of an address: one too many is refused, and has no effect', async () => {
      const there: WireClient[] = [];
      for (let i = 0; i < 9; i += 1) there.push(await accepted(`c${i}`));
      if (tells === 'http') await assert.rejects(open(broker), /503/);
      else if (tells === 'nothing') await assert.rejects(open(broker));
      else {
        await (await client('c0')).expect('20 02 00 03');
        const refused = await client('c0', 5);
        await refused.expect('20 03 00 97 00');
        await refused.expectClosed();
      }
      await there[0]?.silence();
      await broker.waitForOutput(addressed ? /maxConnectionsPerAddress is reached/ : /maxConnections of the listener is reached/);
    });
  });
}
