import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { poll } from './poll.js';
import { isRunning } from './process-tree.js';
import { type RedisServer, SENTINEL_NAME, startRedis } from './redis.js';
import { stateAfter } from './servers.test.support.js';

const LIMIT_MS = 30_000;

describe('a Redis server', () => {
  let server: RedisServer;
  before(async () => {
    server = await startRedis({ config: { requirepass: 'secret', 'notify-keyspace-events': 'KEA', user: ['reader on >pw ~* +get', 'idle off'] } });
  });
  after(() => server.dispose());

  it('answers commands, with the configuration that was asked for', async () => {
    assert.equal(await server.command('SET', 'key', 'a value'), 'OK');
    assert.equal(await server.command('GET', 'key'), 'a value');
    assert.deepEqual(await server.command('CONFIG', 'GET', 'bind'), ['bind', '127.0.0.1']);
    assert.deepEqual(await server.command('ACL', 'USERS'), ['default', 'idle', 'reader']);
    await assert.rejects(server.command('NONSENSE'), /unknown command/);
    assert.equal(server.url(), `redis://:secret@127.0.0.1:${server.port}`);
  });

  it('keeps port and data when it is stopped, killed and started', async () => {
    for (const end of ['stop', 'kill'] as const) {
      await server.command('SET', 'kept', end);
      await server[end]();
      await assert.rejects(server.command('PING'));
      await server.start();
      assert.equal(await server.command('GET', 'kept'), end);
    }
  });

  it('answers nothing while it is frozen, and goes on when it thaws', async () => {
    server.freeze();
    const answer = server.command('PING');
    assert.equal(await stateAfter(300, answer), 'pending');
    server.thaw();
    assert.equal(await answer, 'PONG');
  });

  it('says why it cannot start', async () => {
    await assert.rejects(startRedis({ config: { 'no-such-setting': '1' } }), /no-such-setting/);
  });
});

describe('what remains of a disposed Redis server', () => {
  it('is no process and no file, however it was', async () => {
    for (const end of ['nothing', 'freeze', 'stop', 'kill'] as const) {
      const server = await startRedis();
      const pid = server.pid ?? 0;
      if (end !== 'nothing') await server[end]();
      await server.dispose();
      assert.equal(isRunning(pid), false, end);
      assert.equal(existsSync(server.folder), false, end);
    }
  });
});

describe('several Redis servers', () => {
  it('are replaced by their Sentinel when the primary dies', async () => {
    const config = { requirepass: 'secret' };
    const primary = await startRedis({ config });
    const replica = await startRedis({ config, replicaOf: primary });
    const sentinel = await startRedis({ sentinelOf: primary });
    try {
      const current = async (): Promise<unknown> => await sentinel.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', SENTINEL_NAME);
      assert.deepEqual(await current(), ['127.0.0.1', String(primary.port)]);
      await primary.command('SET', 'key', 'before');
      await poll('the key on the replica', LIMIT_MS, async () => (await replica.command('GET', 'key')) === 'before');
      await primary.kill();
      await poll('the failover', LIMIT_MS, async () => String(await current()) === `127.0.0.1,${replica.port}`);
      await poll('the new primary to be one', LIMIT_MS, async () => String(await replica.command('ROLE')).startsWith('master'));
      assert.equal(await replica.command('SET', 'key', 'after'), 'OK');
    } finally {
      await Promise.all([sentinel, replica, primary].map((one) => one.dispose()));
    }
  });

  it('share their slots as a cluster, and come back as one', async () => {
    const cluster = await startRedis({ cluster: true });
    try {
      assert.equal(cluster.nodes.length, 3);
      const info = async (): Promise<string> => String(await cluster.command('CLUSTER', 'INFO'));
      assert.match(await info(), /cluster_state:ok[\s\S]*cluster_slots_ok:16384[\s\S]*cluster_size:3/);
      await cluster.kill();
      await cluster.start();
      await poll('the cluster to be well again', LIMIT_MS, async () => (await info()).includes('cluster_state:ok'));
    } finally {
      await cluster.dispose();
    }
    assert.deepEqual(
      cluster.nodes.map((node) => node.pid),
      [null, null, null],
    );
  });
});
