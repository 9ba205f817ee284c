import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { poll } from './poll.js';
import { type RedisServer, startRedis } from './redis.js';
import { query } from './servers.test.support.js';
import { freshDatabase, freshRedis, POSTGRES_URL, REDIS_URL, startShared } from './shared.js';

const NOBODY_LISTENS = '127.0.0.1:1';

/** Runs something with other variables in the environment. */
async function withEnvironment<T>(variables: Record<string, string>, act: () => Promise<T>): Promise<T> {
  const before = { ...process.env };
  Object.assign(process.env, variables);
  try {
    return await act();
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
    Object.assign(process.env, before);
  }
}

describe('a fresh database', () => {
  it("is empty and nobody else's, and is gone after its drop, whoever is connected", async () => {
    const [one, two] = await Promise.all([freshDatabase(), freshDatabase()]);
    await query(one.url, 'CREATE TABLE mine (n int)');
    assert.deepEqual(await query(two.url, "SELECT to_regclass('mine') AS found"), [{ found: null }]);
    const asleep = assert.rejects(query(one.url, 'SELECT pg_sleep(600)'), /terminat/);
    const sleepers = `SELECT 1 FROM pg_stat_activity WHERE datname = '${new URL(one.url).pathname.slice(1)}' AND query LIKE '%pg_sleep%'`;
    await poll('somebody who is asleep', 10_000, async () => (await query(two.url, sleepers)).length === 1);
    await Promise.all([asleep, one.drop()]);
    await assert.rejects(query(one.url, 'SELECT 1'), /does not exist/);
    await two.drop();
  });

  it('cannot be had from a server that is not there, and the error names the variable and no password', async () => {
    const url = `postgres://postgres:geheim@${NOBODY_LISTENS}/postgres`;
    await withEnvironment({ [POSTGRES_URL]: url }, async () => {
      await assert.rejects(
        freshDatabase(),
        (error: Error) => /PORTCULLIS_TEST_POSTGRES_URL.*ECONNREFUSED/.test(error.message) && !/geheim/.test(error.message),
      );
      await assert.rejects(startShared({ postgres: true, redis: false }), /PORTCULLIS_TEST_POSTGRES_URL/);
    });
  });
});

describe('a fresh Redis', () => {
  let server: RedisServer;
  before(async () => {
    server = await startRedis({ config: { databases: '4', requirepass: 'secret' } });
  });
  beforeEach(async () => {
    await server.command('FLUSHALL');
  });
  after(() => server.dispose());

  const command = async (url: string, ...args: [string, ...string[]]): Promise<unknown> => {
    const client = new Redis(url, { protocol: 2 });
    try {
      return await client.call(...args);
    } finally {
      client.disconnect();
    }
  };

  it('is a number of the shared server that nobody else has, and is emptied at the end', async () => {
    await withEnvironment({ [REDIS_URL]: server.url() }, async () => {
      const [one, two] = await Promise.all([freshRedis(), freshRedis()]);
      assert.notEqual(one.url, two.url);
      await command(one.url, 'SET', 'mine', '1');
      assert.equal(await command(two.url, 'GET', 'mine'), null);
      await one.release();
      assert.equal(await command(one.url, 'DBSIZE'), 0);
      assert.equal((await freshRedis()).url, one.url);
    });
  });

  it("is never a number that holds somebody's data, and there is an error when none is left", async () => {
    await withEnvironment({ [REDIS_URL]: server.url() }, async () => {
      await command(`${server.url()}/1`, 'SET', 'theirs', '1');
      const given = [await freshRedis(), await freshRedis()].map(({ url }) => url.slice(-2));
      assert.deepEqual(given, ['/2', '/3']);
      await assert.rejects(freshRedis(), /no empty database left among its 4/);
      assert.equal(await command(`${server.url()}/1`, 'GET', 'theirs'), '1');
    });
  });

  it('is a server of its own without a shared one', async () => {
    await withEnvironment({ [REDIS_URL]: '' }, async () => {
      const own = await freshRedis();
      assert.equal(await command(own.url, 'PING'), 'PONG');
      await own.release();
      await assert.rejects(withEnvironment({ [REDIS_URL]: own.url }, freshRedis), /PORTCULLIS_TEST_REDIS_URL.*ECONNREFUSED/);
    });
  });
});

describe('the servers of a run', () => {
  it('are started unless the environment names them, and end with the run', async () => {
    await withEnvironment({ [POSTGRES_URL]: '', [REDIS_URL]: '' }, async () => {
      const { env, dispose } = await startShared({ postgres: true, redis: true });
      assert.deepEqual(Object.keys(env), [POSTGRES_URL, REDIS_URL]);
      await withEnvironment(env, async () => {
        const again = await startShared({ postgres: true, redis: true });
        assert.deepEqual(again.env, {});
        await again.dispose();
      });
      assert.equal((await query(env[POSTGRES_URL] ?? '', 'SELECT 1')).length, 1);
      await dispose();
      await assert.rejects(query(env[POSTGRES_URL] ?? '', 'SELECT 1'), { code: 'ECONNREFUSED' });
    });
  });

  it('are none when none is needed', async () => {
    assert.deepEqual((await startShared({ postgres: false, redis: false })).env, {});
  });
});
