import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { BrokerProcess, standardFiles } from '../support/broker-process.js';
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

interface TransportUnderTest {
  readonly name: string;
  /** Name of its listener. */
  readonly listener: string;
  open(broker: BrokerProcess): Promise<WireClient>;
}

const TRANSPORTS: readonly TransportUnderTest[] = [
  { name: 'TCP', listener: 'local', open: (broker) => WireClient.connect(broker.port('local')) },
  { name: 'WebSocket', listener: 'web', open: (broker) => WireClient.connectWebSocket(broker.url('web')) },
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

for (const { name, listener, open } of TRANSPORTS) {
  describe(`limits over ${name}`, () => {
    let broker: BrokerProcess;
    let clients: WireClient[] = [];
    let sockets: Socket[] = [];

    before(async () => {
      broker = await BrokerProcess.start({ files: standardFiles({ alice: 'secret' }, 'user alice\ntopic readwrite #\n', { limits: LIMITS }) });
    });
    after(async () => assert.equal(await broker.stop(), 0));
    afterEach(async () => {
      // Node 20 spins for ever on a reset of a socket that both sides have closed.
      for (const client of clients) if (client.ending === null) client.reset();
      for (const socket of sockets) socket.destroy();
      clients = [];
      sockets = [];
    });

    /** A socket that says nothing; `closed` is when the broker closed it, in milliseconds since it was opened. */
    async function silent(): Promise<{ socket: Socket; closed: Promise<number> }> {
      const socket = connect(broker.port(listener), '127.0.0.1');
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

    it('hold for half-open connections of an address: a client that is not slow gets in all the same', async () => {
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

    it('hold for connections of an address: one too many is told so, and has no effect', async () => {
      const there: WireClient[] = [];
      for (let i = 0; i < 9; i += 1) there.push(await accepted(`c${i}`));
      if (name === 'WebSocket') await assert.rejects(open(broker), /503/);
      else {
        await (await client('c0')).expect('20 02 00 03');
        const refused = await client('c0', 5);
        await refused.expect('20 03 00 97 00');
        await refused.expectClosed();
      }
      await there[0]?.silence();
      await broker.waitForOutput(/maxConnectionsPerAddress is reached/);
    });
  });
}
