import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SENTINEL_NAME } from '@portcullis/test-servers';
import type { TestClient } from '@portcullis/testing';
import { allow, ownServers, PASSWORD, redisBroker } from './redis.test.support.js';

const FAST = { commandTimeoutMs: 300, heartbeatMs: 100 };

const own = ownServers();
const { started, administrator, codeOf } = own;

async function login(username: string): Promise<TestClient> {
  assert.ok(own.broker !== null);
  const client = await own.broker.client({ protocol: '5.0' });
  await client.connect({ username, password: PASSWORD });
  return client;
}

async function becomes(username: string, code: number, waitMs = 10_000): Promise<void> {
  const deadline = Date.now() + waitMs;
  for (;;) {
    const now = await codeOf(username);
    if (now === code) return;
    assert.ok(Date.now() < deadline, `CONNACK for ${username} becomes ${code}, is ${now}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('a failover by Sentinel: the new primary is found, changes there are heard of, and live clients stay', async () => {
  const primary = await started();
  const replica = await started({ replicaOf: primary });
  const sentinel = await started({ sentinelOf: primary });
  await administrator(primary).putUser('alice', { rules: [allow('a')] });
  await primary.command('WAIT', '1', '2000');
  own.broker = await redisBroker(0, { sentinel: { name: SENTINEL_NAME, nodes: [`127.0.0.1:${sentinel.port}`] }, ...FAST });
  const alice = await login('alice');
  await primary.kill();
  await becomes('alice', 0, 20_000);
  assert.equal(await alice.publish('a', 'x', { qos: 1 }), 0);
  await administrator(replica).putUser('alice', { enabled: false });
  await alice.expectExpelled(0x87);
  assert.equal(await codeOf('alice'), 0x86);
});

test('a failover that has lost a revocation lets the revoked user not in again, until somebody says what is right', async () => {
  const primary = await started();
  const admin = administrator(primary);
  await admin.putUser('alice');
  await admin.putUser('bob', { rules: [allow('b')] });
  own.broker = await redisBroker(primary.port, FAST);
  const alice = await login('alice');
  const bob = await login('bob');
  const before = await primary.command('HGETALL', admin.layout.user(null, 'alice'));
  await admin.putUser('alice', { enabled: false });
  await alice.expectExpelled(0x87);
  // What a replica has that took over a moment too early: the user and the counter as they were.
  assert.ok(Array.isArray(before));
  await admin.client
    .multi()
    .del(admin.layout.user(null, 'alice'))
    .hset(admin.layout.user(null, 'alice'), ...(before as string[]))
    .set(admin.layout.version(null), '2')
    .exec();
  await own.broker.until('the loss is known', () => own.broker?.stats.get('plugin.plugin.resets') === 1);
  assert.equal(await codeOf('alice'), 0x88);
  await own.broker.logged(/has version 1, but version 3 was there before: the server has lost a change/);
  // Whom nothing is lost of goes on, and what is written now is newer than all that was announced.
  assert.equal(await bob.publish('b', 'x', { qos: 1 }), 0);
  await admin.putUser('bob', { rules: [allow('c')] });
  await own.broker.until('the change holds', () => true);
  const deadline = Date.now() + 5000;
  while ((await bob.publish('c', 'x', { qos: 1 })) !== 0) assert.ok(Date.now() < deadline, 'the change holds');
  await admin.beginEpoch();
  await becomes('alice', 0);
});

test('a primary that has become a replica is not read from: what it says may be older than what was revoked', async () => {
  const primary = await started();
  const other = await started();
  await administrator(primary).putUser('alice');
  own.broker = await redisBroker(primary.port, FAST);
  await login('alice');
  await primary.command('REPLICAOF', '127.0.0.1', String(other.port));
  await becomes('alice', 0x88);
  await primary.command('REPLICAOF', 'NO', 'ONE');
  await administrator(primary).putUser('alice');
  await becomes('alice', 0);
});

test('a cluster: keys of a tenant lie together, changes on any node are heard of, and a node that is gone is missed in time', async () => {
  const cluster = await started({ cluster: true });
  const nodes = cluster.nodes.map(({ port }) => `127.0.0.1:${port}`);
  const run = async (tenant: string | null, user: string, args: readonly string[]): Promise<void> => {
    const { runRedisTool } = await import('./tool/tool.js');
    let error = '';
    const terminal = { out: () => undefined, error: (text: string) => (error += text), secret: async () => Buffer.from(PASSWORD) };
    const url = `redis+cluster://${nodes.join(',')}`;
    const status = await runRedisTool(['user', ...args, user, ...(tenant === null ? [] : ['--tenant', tenant])], terminal, {
      PORTCULLIS_REDIS_URL: url,
    });
    assert.deepEqual([status, error], [0, '']);
  };
  for (const tenant of [null, 'acme', 'umbrella']) await run(tenant, 'alice', ['add', '-H', 'sha512-pbkdf2']);
  const listeners = Object.fromEntries(['acme', 'umbrella'].map((tenant) => [tenant, { url: 'mqtt://127.0.0.1:0', chain: 'default', tenant }]));
  // With the rights that docs/redis.md names for the broker, and that for clusters.
  const rights =
    'on >secret resetkeys %R~portcullis:* resetchannels &portcullis:changes -@all +hget +hmget +hlen +hstrlen +getrange +multi +exec +info +ping +subscribe +select +cluster|slots +cluster|info';
  for (const node of cluster.nodes) await node.command('ACL', 'SETUSER', 'broker', ...rights.split(' '));
  const login = { username: 'broker', password: { $env: 'SECRET' } };
  own.broker = await redisBroker(
    0,
    { cluster: { nodes: nodes.slice(0, 1) }, ...login, ...FAST },
    { document: { listeners, tenants: { acme: {}, umbrella: {} } }, env: { SECRET: 'secret' } },
  );
  const clients: [tenant: string | null, client: TestClient][] = [];
  for (const tenant of [null, 'acme', 'umbrella']) {
    const client = await own.broker.client({ protocol: '5.0', ...(tenant !== null && { listener: tenant }) });
    await client.connect({ username: 'alice', password: PASSWORD });
    clients.push([tenant, client]);
  }
  for (const [tenant, client] of clients) {
    await run(tenant, 'alice', ['disable']);
    await client.expectExpelled(0x87);
  }
  for (const tenant of [null, 'acme', 'umbrella']) await run(tenant, 'alice', ['enable']);
  await becomes('alice', 0);
  await cluster.kill();
  await own.broker.until('the loss is known', () => own.broker?.stats.get('plugin.plugin.pushStale') === 1);
  const begun = performance.now();
  assert.equal(await codeOf('bob'), 0x88);
  assert.ok(performance.now() - begun < 2500);
  await cluster.start();
  // Users of the ACL made by a command are gone with the process.
  for (const node of cluster.nodes) await node.command('ACL', 'SETUSER', 'broker', ...rights.split(' '));
  await becomes('alice', 0, 15_000);
});
