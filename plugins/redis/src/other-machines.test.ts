import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, test } from 'node:test';
import { BackendUnavailable } from '@portcullis/sdk';
import { until } from '@portcullis/testing';
import type { Cluster, Redis } from 'ioredis';
import { openLookupClient, openSingleClient } from './connections.js';
import { Lookups } from './lookups.js';
import { asUnavailable } from './redis-errors.js';
import type { ServerSettings } from './settings.js';

const SECRET = 'canary-in-clear';
/** No address of a machine, so not one that may be spoken to without TLS; connections to it end at this machine all the same. */
const ELSEWHERE = '0.0.0.0';

const servers: Server[] = [];
const sockets = new Set<Socket>();
const clients: (Redis | Cluster | Lookups)[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) {
    if (client instanceof Lookups) client.close();
    else client.disconnect();
  }
  for (const socket of sockets) socket.destroy();
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

/** A server that answers every command as it is told, and writes down all that it was sent. */
async function fake(answer: (command: readonly string[]) => string): Promise<{ readonly port: number; readonly seen: () => string }> {
  let seen = '';
  const server = createServer((socket) => {
    let rest = '';
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      seen += data.toString('latin1');
      rest += data.toString('latin1');
      for (;;) {
        const { command, length } = firstCommand(rest);
        if (command === null) return;
        rest = rest.slice(length);
        socket.write(answer(command));
      }
    });
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, seen: () => seen };
}

/** The command that a text begins with, as clients send them: an array of bulk strings. */
function firstCommand(text: string): { readonly command: readonly string[] | null; readonly length: number } {
  const header = /^\*(\d+)\r\n/.exec(text);
  if (header === null) return { command: null, length: 0 };
  let at = header[0].length;
  const command: string[] = [];
  for (let left = Number(header[1]); left > 0; left -= 1) {
    const size = /^\$(\d+)\r\n/.exec(text.slice(at));
    if (size === null) return { command: null, length: 0 };
    at += size[0].length;
    const end = at + Number(size[1]);
    if (text.length < end + 2) return { command: null, length: 0 };
    command.push(text.slice(at, end));
    at = end + 2;
  }
  return { command, length: at };
}

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;
const list = (...items: readonly string[]): string => `*${items.length}\r\n${items.join('')}`;

/** A sentinel whose primary is at this address, and that knows another sentinel there if told. */
async function sentinelOf(host: string, port: number, others: readonly string[] = []) {
  return await fake(([name = '', what = '']) => {
    if (name.toLowerCase() !== 'sentinel') return '+OK\r\n';
    if (what.toLowerCase() === 'get-master-addr-by-name') return list(bulk(host), bulk(String(port)));
    return list(...others.map((other) => list(...['ip', other, 'port', String(port), 'flags', 'sentinel'].map(bulk))));
  });
}

const SLOTS_END = 16_383;

/** A node of a cluster that says where the slots are, and where a key is that it is asked for. */
async function nodeOf(slotsAt: () => string, moved?: () => string) {
  return await fake(([name = '', what = '']) => {
    const command = `${name} ${what}`.toLowerCase();
    if (command === 'cluster slots') {
      const [host = '', port = ''] = slotsAt().split(' ');
      return list(list(':0\r\n', `:${SLOTS_END}\r\n`, list(bulk(host), `:${port}\r\n`)));
    }
    if (command === 'cluster info') return bulk('cluster_state:ok\r\n');
    if (name.toLowerCase() === 'info') return bulk('role:master\r\nloading:0\r\n');
    return moved !== undefined && name.toLowerCase() === 'get' ? `-MOVED 1 ${moved()}\r\n` : '+OK\r\n';
  });
}

function settings(more: Partial<ServerSettings>): ServerSettings {
  return {
    ...{ kind: 'single', addresses: [], database: 0, username: 'broker', password: SECRET, sentinel: null, tls: null },
    ...{ remoteInClear: false, commandTimeoutMs: 500, connectTimeoutMs: 2000, ...more },
  };
}

function lookupsOf(server: ServerSettings) {
  const told: string[] = [];
  const events = { ready: () => undefined, trouble: (problem: string) => void told.push(problem) };
  const lookups = new Lookups(() => openLookupClient(server), 'Redis', 500, events);
  clients.push(lookups);
  return { lookups, told };
}

const REFUSED = /names 0\.0\.0\.0, which is another machine: nothing is sent to it in the clear\. Say "tls": \{\}/;

for (const remoteInClear of [false, true]) {
  const what = remoteInClear ? 'is spoken to when that was said' : 'is sent nothing without TLS';

  test(`a primary that Sentinel names on another machine ${what}`, async () => {
    const primary = await fake(([name]) => (name === 'info' ? bulk('role:master\r\nloading:0\r\n') : '+OK\r\n'));
    const sentinel = await sentinelOf(ELSEWHERE, primary.port);
    const server = settings({
      ...{ kind: 'sentinel', addresses: [{ host: '127.0.0.1', port: sentinel.port }], remoteInClear },
      sentinel: { name: 'mymaster', username: 'default', password: null },
    });
    const { lookups, told } = lookupsOf(server);
    const channel = openSingleClient(server);
    clients.push(channel);
    channel.on('error', () => undefined);
    if (remoteInClear) {
      await Promise.all([lookups.connect(2000), channel.connect()]);
      assert.match(primary.seen(), new RegExp(SECRET));
    } else {
      await assert.rejects(lookups.connect(500), (error: unknown) => error instanceof BackendUnavailable && REFUSED.test(error.message));
      await assert.rejects(channel.connect(), (error: unknown) => REFUSED.test(asUnavailable(error, 'Redis').message));
      assert.match(told.join('\n'), REFUSED);
      assert.equal(primary.seen(), '');
    }
  });

  test(`a sentinel that another one names on another machine ${what}`, async () => {
    const primary = await fake(([name]) => (name === 'info' ? bulk('role:master\r\nloading:0\r\n') : '+OK\r\n'));
    const second = await sentinelOf('127.0.0.1', primary.port);
    const first = await fake(([name = '', command = '']) => {
      if (name.toLowerCase() !== 'sentinel') return '+OK\r\n';
      if (command.toLowerCase() === 'get-master-addr-by-name') return list(bulk('127.0.0.1'), bulk(String(primary.port)));
      return list(list(...['ip', ELSEWHERE, 'port', String(second.port), 'flags', 'sentinel'].map(bulk)));
    });
    const { lookups } = lookupsOf(
      settings({
        ...{ kind: 'sentinel', addresses: [{ host: '127.0.0.1', port: first.port }], remoteInClear },
        sentinel: { name: 'mymaster', username: 'default', password: 'canary-of-sentinels' },
      }),
    );
    if (remoteInClear) {
      await lookups.connect(2000);
      await until('the other sentinel to be listened to', () => second.seen().includes('canary-of-sentinels'));
    } else {
      await assert.rejects(lookups.connect(500), REFUSED);
      assert.equal(second.seen(), '');
    }
  });

  test(`a node that a cluster names on another machine ${what}`, async () => {
    const other = await nodeOf(() => `${ELSEWHERE} ${other.port}`);
    const first = await nodeOf(() => `${ELSEWHERE} ${other.port}`);
    const { lookups, told } = lookupsOf(settings({ kind: 'cluster', addresses: [{ host: '127.0.0.1', port: first.port }], remoteInClear }));
    const connected = lookups.connect(1000).then(() => lookups.ask([['get', 'x']]));
    if (remoteInClear) {
      assert.deepEqual(await connected, ['OK']);
      assert.match(other.seen(), new RegExp(SECRET));
    } else {
      await assert.rejects(connected, BackendUnavailable);
      assert.match(told.join('\n'), REFUSED);
      assert.equal(other.seen(), '');
    }
  });

  test(`a node on another machine to which the keys have moved ${what}`, async () => {
    const other = await nodeOf(() => `${ELSEWHERE} ${other.port}`);
    let hasMoved = false;
    const first = await nodeOf(
      () => (hasMoved ? `${ELSEWHERE} ${other.port}` : `127.0.0.1 ${first.port}`),
      () => `${ELSEWHERE}:${other.port}`,
    );
    const { lookups, told } = lookupsOf(settings({ kind: 'cluster', addresses: [{ host: '127.0.0.1', port: first.port }], remoteInClear }));
    await lookups.connect(2000);
    hasMoved = true;
    let answer: unknown = null;
    await until('what comes of it', async () => {
      answer = await lookups.ask([['get', 'x']]).catch(() => null);
      return answer !== null || REFUSED.test(told.join('\n'));
    });
    assert.deepEqual(answer, remoteInClear ? ['OK'] : null);
    assert.equal(other.seen().includes(SECRET), remoteInClear);
    if (!remoteInClear) assert.equal(other.seen(), '');
  });
}

test('a channel is listened to on no node of another machine', async () => {
  const other = await nodeOf(() => `${ELSEWHERE} ${other.port}`);
  const client = openSingleClient(settings({ kind: 'cluster', addresses: [{ host: '127.0.0.1', port: 1 }] }), { host: ELSEWHERE, port: other.port });
  clients.push(client);
  client.on('error', () => undefined);
  await assert.rejects(client.connect(), /another machine/);
  assert.equal(other.seen(), '');
});
