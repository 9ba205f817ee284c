import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { BackendUnavailable } from '@portcullis/sdk';
import { type RedisServer, startRedis } from '@portcullis/test-servers';
import { until } from '@portcullis/testing';
import type { Cluster, Redis } from 'ioredis';
import { openLookupClient } from './connections.js';
import { Lookups } from './lookups.js';
import { MalformedObject } from './redis-errors.js';
import type { ServerSettings } from './settings.js';

const SECRET = 'canary-secret';

let server: RedisServer;

before(async () => {
  server = await startRedis();
});

after(() => server.dispose());

function settings(more: Partial<ServerSettings> = {}): ServerSettings {
  return {
    ...{ kind: 'single', addresses: [{ host: '127.0.0.1', port: server.port }], database: 0, username: 'default', password: null },
    ...{ sentinel: null, tls: null, remoteInClear: false, commandTimeoutMs: 300, connectTimeoutMs: 2000, ...more },
  };
}

function lookups(more: Partial<ServerSettings> = {}) {
  const clients: (Redis | Cluster)[] = [];
  const told: string[] = [];
  const open = (): Redis | Cluster => {
    const client = openLookupClient(settings(more));
    clients.push(client);
    return client;
  };
  const events = { ready: () => void told.push('ready'), trouble: (problem: string) => void told.push(problem) };
  return { lookups: new Lookups(open, 'Redis', 300, events), clients, told };
}

test('a client that the driver has given up is replaced by another one', async () => {
  const { lookups: asked, clients } = lookups();
  await asked.connect(2000);
  clients[0]?.disconnect();
  await assert.rejects(asked.ask([['get', 'x']]), BackendUnavailable);
  await until('an answer', () =>
    asked.ask([['get', 'x']]).then(
      () => true,
      () => false,
    ),
  );
  assert.equal(clients.length, 2);
  asked.close();
  await assert.rejects(asked.ask([['get', 'x']]), BackendUnavailable);
  assert.equal(clients.length, 2);
});

test('a wrong type is a fault of the one answer, everything else counts against the server', async () => {
  const { lookups: asked } = lookups();
  await asked.connect(2000);
  await server.command('SET', 'text', 'x');
  await assert.rejects(asked.ask([['hgetall', 'text']]), MalformedObject);
  await assert.rejects(asked.ask([['get', 'a', 'b']]), BackendUnavailable);
  assert.deepEqual(
    await asked.askAtOnce([
      ['get', 'text'],
      ['mget', 'text', 'none'],
    ]),
    ['x', ['x', null]],
  );
  asked.close();
});

test('a database that the server has not, or that may not be chosen, is a failure and never another database', async () => {
  await server.command('SET', 'who', 'another database');
  const { lookups: beyond, told } = lookups({ database: 99 });
  await assert.rejects(beyond.connect(2000), /Redis has no database 99, or does not let this user choose it \(ERR\)/);
  await assert.rejects(beyond.ask([['get', 'who']]), BackendUnavailable);
  await assert.rejects(beyond.check(), BackendUnavailable);
  assert.ok(!told.includes('ready'), told.join());
  beyond.close();
  await server.command('ACL', 'SETUSER', 'ann', 'on', 'nopass', '~*', '+@all', '-select');
  const { lookups: forbidden } = lookups({ database: 1, username: 'ann', password: 'any' });
  await assert.rejects(forbidden.connect(2000), /choose it \(NOPERM\)/);
  await assert.rejects(forbidden.ask([['get', 'who']]), BackendUnavailable);
  forbidden.close();
});

test('the database is chosen again on each new connection, and what cannot be chosen there is not read elsewhere', async () => {
  await server.command('SET', 'who', 'another database');
  await server.command('ACL', 'SETUSER', 'ann', 'on', 'nopass', '~*', '+@all');
  const { lookups: asked, told } = lookups({ database: 1, username: 'ann', password: 'any' });
  await asked.connect(2000);
  assert.deepEqual(await asked.ask([['get', 'who']]), [null]);
  await server.command('ACL', 'SETUSER', 'ann', '-select');
  await server.command('CLIENT', 'KILL', 'USER', 'ann');
  await until('another connection', () => told.some((problem) => problem.includes('choose it (NOPERM)')));
  await assert.rejects(asked.ask([['get', 'who']]), BackendUnavailable);
  await server.command('ACL', 'SETUSER', 'ann', '+select');
  await until('an answer', () =>
    asked.ask([['get', 'who']]).then(
      (answers) => answers[0] === null,
      () => false,
    ),
  );
  asked.close();
  await server.command('ACL', 'DELUSER', 'ann');
});

test('no password is in what is said about a server that refuses it', async () => {
  for (const [command, password] of [
    [['ACL', 'SETUSER', 'ann', 'on', '>other'], SECRET],
    [['ACL', 'SETUSER', 'ann', 'on', 'nopass', '-@all'], SECRET],
  ] as const) {
    await server.command(...command);
    const { lookups: asked, told } = lookups({ username: 'ann', password });
    await assert.rejects(asked.connect(2000), (error: unknown) => error instanceof BackendUnavailable && /WRONGPASS|NOPERM/.test(error.message));
    asked.close();
    assert.ok(!told.join().includes(SECRET));
    await server.command('ACL', 'DELUSER', 'ann');
  }
});
