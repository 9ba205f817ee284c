import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SENTINEL_NAME } from '@portcullis/test-servers';
import { until } from '@portcullis/testing';
import { Cluster, Redis } from 'ioredis';
import { openLookupClient } from './connections.js';
import { Layout } from './layout.js';
import { HASH, ownServers, PASSWORD, type RedisServer, redisBroker } from './redis.test.support.js';
import { Writer } from './writer.js';

const own = ownServers();
const { started, administrator, codeOf } = own;

test('users are read in the database and below the prefix that were named, and nowhere else', async () => {
  const server = await started();
  await administrator(server).putUser('elsewhere');
  const client = new Redis(server.url(), { protocol: 2, db: 3 });
  const write = async (prefix: string, name: string, enabled = '1', expected: string | null = null): Promise<number> => {
    const fields = { hash: HASH, enabled, groups: '[]', attributes: '{}', rules: '[]' };
    return await new Writer(client, new Layout(prefix)).write({ kind: 'user', tenant: null, name, expected, fields });
  };
  try {
    await write('portcullis', 'other-prefix');
    const version = await write('own:users', 'alice');
    own.broker = await redisBroker(server.port, { database: 3, prefix: 'own:users', heartbeatMs: 60_000 });
    assert.deepEqual(await Promise.all(['alice', 'other-prefix', 'elsewhere'].map(codeOf)), [0, 0x86, 0x86]);
    const alice = await own.broker.client({ protocol: '5.0' });
    await alice.connect({ username: 'alice', password: PASSWORD });
    await write('own:users', 'alice', '0', String(version));
    await alice.expectExpelled(0x87);
  } finally {
    client.disconnect();
  }
});

test('sentinels that want a password are given theirs, and nobody is let in without it', async () => {
  const primary = await started({ config: { requirepass: 'of-the-server' } });
  const sentinel = await started({ sentinelOf: primary, config: { requirepass: 'of-sentinel' } });
  await administrator(primary).putUser('alice');
  const config = (password: Readonly<Record<string, unknown>>) => ({
    sentinel: { name: SENTINEL_NAME, nodes: [`127.0.0.1:${sentinel.port}`], ...password },
    password: { $env: 'SERVER' },
  });
  const env = { SERVER: 'of-the-server', SENTINEL: 'of-sentinel' };
  own.broker = await redisBroker(0, config({ password: { $env: 'SENTINEL' } }), { env });
  assert.equal(await codeOf('alice'), 0);
  await own.broker.stop();
  for (const wrong of [{}, { password: { $env: 'SERVER' } }]) {
    own.broker = await redisBroker(0, config(wrong), { env });
    assert.equal(await codeOf('alice'), 0x88);
    await own.broker.stop();
  }
});

test('a cluster is asked at its primaries only: no replica is ever read, since it may still allow what was revoked', async () => {
  const cluster = await started({ cluster: true });
  const replicas: RedisServer[] = [];
  for (const node of cluster.nodes) {
    const replica = await started({ config: { 'cluster-enabled': 'yes', 'cluster-node-timeout': '2000' } });
    await replica.command('CLUSTER', 'MEET', '127.0.0.1', String(node.port));
    const id = String(await node.command('CLUSTER', 'MYID'));
    await until('the replica to follow', async () => {
      try {
        await replica.command('CLUSTER', 'REPLICATE', id);
        return String(await replica.command('INFO', 'replication')).includes('master_link_status:up');
      } catch {
        return false;
      }
    });
    replicas.push(replica);
  }
  const nodes = cluster.nodes.map(({ port }) => `127.0.0.1:${port}`);
  const tenants = ['acme', 'umbrella', 'initech', 'hooli', 'globex', 'stark'];
  const connected = async (does: (client: Cluster) => Promise<void>): Promise<void> => {
    const client = openLookupClient({
      ...{ kind: 'cluster', addresses: cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })), database: 0, username: 'default' },
      ...{ password: null, sentinel: null, tls: null, remoteInClear: false, commandTimeoutMs: 2000, connectTimeoutMs: 2000 },
    });
    try {
      await client.connect();
      assert.ok(client instanceof Cluster);
      await does(client);
    } finally {
      client.disconnect();
    }
  };
  const layout = new Layout('portcullis');
  await connected(async (client) => {
    const fields = { hash: HASH, enabled: '1', groups: '[]', attributes: '{}', rules: '[]' };
    for (const tenant of tenants) await new Writer(client, layout).write({ kind: 'user', tenant, name: 'alice', expected: null, fields });
  });
  // A replica is named to clients once the others have heard that something was replicated to it.
  for (const node of cluster.nodes) {
    const namesReplicas = async (): Promise<boolean> => ((await node.command('CLUSTER', 'SLOTS')) as unknown[][]).every(({ length }) => length === 4);
    await until('every primary to name the replicas', namesReplicas, 30_000);
  }
  await connected(async (client) => {
    assert.equal(client.nodes('slave').length, replicas.length);
    // The driver would let replicas answer single reads only; nothing is to rest upon that.
    for (let times = 0; times < 10; times += 1) for (const tenant of tenants) await client.hget(layout.user(tenant, 'alice'), 'v');
  });
  const listeners = Object.fromEntries(tenants.map((tenant) => [tenant, { url: 'mqtt://127.0.0.1:0', chain: 'default', tenant }]));
  own.broker = await redisBroker(
    0,
    { cluster: { nodes }, heartbeatMs: 60_000 },
    { document: { listeners, tenants: Object.fromEntries(tenants.map((tenant) => [tenant, {}])) } },
  );
  for (const tenant of tenants) {
    const alice = await own.broker.client({ protocol: '5.0', listener: tenant });
    await alice.connect({ username: 'alice', password: PASSWORD });
  }
  for (const replica of replicas) assert.doesNotMatch(String(await replica.command('INFO', 'commandstats')), /cmdstat_(?:hmget|hlen|hget|getrange)/);
});
