import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { type PostgresServer, startPostgres } from '@portcullis/test-servers';
import type pg from 'pg';
import { CONNACK, connected, ending, enter, login, Scene, soon, VERSIONS } from './scene.test.support.js';

const DENIED = 0x87;

async function on<T>(server: PostgresServer, run: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await connected(server.url());
  try {
    return await run(client);
  } finally {
    await client.end();
  }
}

describe('a read replica', async () => {
  const end = ending({ after });
  const primary = await startPostgres();
  end.after(() => primary.dispose());
  const scene = await Scene.open(end, primary);
  await scene.user('alice');
  const replica = await startPostgres({ standbyOf: primary });
  end.after(() => replica.dispose());
  const config = scene.config({ replicas: [`127.0.0.1:${replica.port}`], leaseSeconds: 300 });
  /** When the broker has put its last question there, in seconds. */
  const lastQuestion = (server: PostgresServer): Promise<number> =>
    on(server, async (client) => {
      const { rows } = await client.query(
        `select extract(epoch from max(query_start))::float8 as at from pg_stat_activity where usename = $1 and query like '%asked_tenant%'`,
        [scene.role],
      );
      return rows[0].at as number;
    });

  test('is asked while it is as new as what the primary has announced', async () => {
    const broker = await scene.broker({ config });
    await broker.until('the replica to be there', () => broker.log.some((line) => /connected .*role=replica/.test(line)));
    const before = [await lastQuestion(replica), await lastQuestion(primary)] as const;
    assert.match(await login(broker, '5.0', 'alice'), CONNACK.accepted['5.0']);
    assert.ok((await lastQuestion(replica)) > before[0]);
    assert.equal(await lastQuestion(primary), before[1]);
  });

  for (const version of VERSIONS) {
    test(`that lags gives nobody back what a newer version has taken (${version})`, async () => {
      const name = `lagging ${version}`;
      await scene.user(name);
      await scene.rule('lag/#', { user: name });
      const broker = await scene.broker({ config });
      await broker.until('the replica to be there', () => broker.log.some((line) => /connected .*role=replica/.test(line)));
      const client = await enter(broker, version, name);
      const stays = await enter(broker, '5.0', name);
      await on(replica, (it) => it.query('select pg_wal_replay_pause()'));
      try {
        await scene.sql('delete from portcullis.rules where user_id = (select id from portcullis.users where username = $1)', name);
        await soon('the right to be gone', async () => (await stays.publish('lag/x', 'x', { qos: 1 })) === DENIED);
        await scene.sql('update portcullis.users set enabled = false where username = $1', name);
        if (version === '5.0') await client.expectExpelled(DENIED);
        else await client.expectClosed();
        for (let i = 0; i < 10; i += 1) assert.match(await login(broker, version, name), CONNACK.badCredentials[version]);
      } finally {
        await on(replica, (it) => it.query('select pg_wal_replay_resume()'));
      }
    });
  }

  test('that is gone is no loss', async () => {
    const broker = await scene.broker({ config });
    await replica.kill();
    try {
      assert.match(await login(broker, '5.0', 'alice'), CONNACK.accepted['5.0']);
    } finally {
      await replica.start();
    }
  });
});

describe('of several hosts', async () => {
  for (const version of VERSIONS) {
    test(`the one that takes over is found, and nobody is let in meanwhile (${version})`, async (t) => {
      const end = ending(t);
      const first = await startPostgres();
      end.after(() => first.dispose());
      const scene = await Scene.open(end, first);
      await scene.user('alice');
      await scene.rule('all/#');
      const second = await startPostgres({ standbyOf: first });
      end.after(() => second.dispose());
      const host = [`127.0.0.1:${second.port}`, `127.0.0.1:${first.port}`];
      // The standby stands first in the list and is passed over for as long as it is one.
      const broker = await scene.broker({ config: scene.config({ host }) });
      assert.match(await login(broker, version, 'alice'), CONNACK.accepted[version]);
      const client = await enter(broker, version, 'alice');
      await on(second, async (standby) => {
        await soon(
          'the standby to have caught up',
          async () => (await standby.query('select count(*)::int as count from portcullis.rules')).rows[0].count === 1,
        );
      });
      await first.kill();
      await broker.until('the loss to be noticed', () => broker.stats.get('plugin.plugin.pushStale') === 1);
      assert.match(await login(broker, version, 'alice'), CONNACK.unavailable[version]);
      await on(second, (standby) => standby.query('select pg_promote()'));
      await soon('a login', async () => CONNACK.accepted[version].test(await login(broker, version, 'alice')));
      await broker.until('changes to be heard', () => broker.stats.get('plugin.plugin.pushStale') === 0);
      await client.publish('all/x', 'x', { qos: 1 });
      await on(second, (now) => now.query(`update portcullis.users set enabled = false where username = 'alice'`));
      if (version === '5.0') await client.expectExpelled(DENIED);
      else await client.expectClosed();
    });
  }

  for (const version of VERSIONS) {
    test(`one that takes over without the newest changes, and has made as many of its own, voids everything that is known (${version})`, async (t) => {
      const end = ending(t);
      const first = await startPostgres();
      end.after(() => first.dispose());
      const scene = await Scene.open(end, first);
      await scene.user('bob');
      const second = await startPostgres({ standbyOf: first });
      end.after(() => second.dispose());
      const broker = await scene.broker({ config: scene.config({ host: [`127.0.0.1:${first.port}`, `127.0.0.1:${second.port}`] }) });
      const bob = await enter(broker, version, 'bob');
      // Nobody comes anew, neither here nor there, until all is as it has to be.
      await scene.sql(`alter role ${scene.role} nologin`);
      await on(second, async (standby) => {
        await soon('the standby to have caught up', async () => {
          const { rows } = await standby.query('select rolcanlogin as may from pg_roles where rolname = $1', [scene.role]);
          return rows[0].may === false;
        });
      });
      await second.stop();
      await scene.user('ann');
      await soon('the change to be heard of', async () => CONNACK.accepted[version].test(await login(broker, version, 'ann')));
      await first.kill();
      await second.start();
      await on(second, async (now) => {
        await now.query('select pg_promote()');
        await now.query(`update portcullis.users set enabled = false where username = 'bob'`);
        await now.query(`alter role ${scene.role} login`);
      });
      if (version === '5.0') await bob.expectExpelled(DENIED);
      else await bob.expectClosed();
    });
  }
});
