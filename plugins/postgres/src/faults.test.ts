import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { type PostgresServer, startPostgres } from '@portcullis/test-servers';
import type { TestBroker } from '@portcullis/testing';
import { CONNACK, ending, enter, login, Scene, soon, VERSIONS, type Version } from './scene.test.support.js';

const TIMEOUT_MS = 1500;
/** What a busy machine may add to an answer. */
const SPARE_MS = 1000;
const HEALS_WITHIN_MS = 5000;

describe('when the server of the plugin postgres fails', async () => {
  const end = ending({ after });
  const server = await startPostgres();
  end.after(() => server.dispose());
  const scene = await Scene.open(end, server);
  await scene.user('alice');
  await scene.user('bob');
  await scene.rule('all/#');
  const entries = { plugin: { timeoutMs: TIMEOUT_MS, breaker: { faults: 100, windowMs: 10_000, openMs: 200 } } };
  const broker = await scene.broker({ entries });

  /** Refused as unavailable, in time, and nobody is let in who would not be. */
  async function refusesAll(version: Version): Promise<void> {
    const begun = performance.now();
    const answers = await Promise.all(['alice', 'bob', 'stranger'].map((name) => login(broker, version, name)));
    const took = performance.now() - begun;
    for (const answer of answers) assert.match(answer, CONNACK.unavailable[version]);
    assert.ok(took < TIMEOUT_MS + SPARE_MS, `refused after ${took} ms`);
  }

  async function heals(version: Version): Promise<void> {
    await soon('a login', async () => CONNACK.accepted[version].test(await login(broker, version, 'bob')), HEALS_WITHIN_MS);
    assert.match(await login(broker, version, 'bob', 'wrong'), CONNACK.badCredentials[version]);
    await broker.until('changes to be heard', () => broker.stats.get('plugin.plugin.pushStale') === 0);
  }

  const faults: [what: string, begin: (server: PostgresServer) => Promise<void> | void, end: (server: PostgresServer) => Promise<void> | void][] = [
    ['is stopped', (it) => it.stop(), (it) => it.start()],
    ['is killed', (it) => it.kill(), (it) => it.start()],
    ['is frozen', (it) => it.freeze(), (it) => it.thaw()],
  ];
  for (const [what, begin, over] of faults) {
    for (const version of VERSIONS) {
      test(`that ${what}: nobody is let in, who is in goes on within the lease, and it heals (${version})`, async () => {
        const alice = await enter(broker, version, 'alice');
        await alice.subscribe('all/x', 0);
        await begin(server);
        // Until then whoever was in a moment ago is let in by what was read for him.
        await broker.until('changes to be missed', () => broker.stats.get('plugin.plugin.pushStale') === 1, 10_000);
        await refusesAll(version);
        await alice.publish('all/x', 'still here', { qos: 1 });
        await alice.expectMessage('all/x', 'still here');
        await over(server);
        await heals(version);
        alice.close();
      });
    }
  }
});

describe('a question of the plugin postgres', async () => {
  const scene = await Scene.open(ending({ after }));
  const entries = { plugin: { timeoutMs: TIMEOUT_MS } };
  await scene.user('alice');
  await scene.user('bob');

  for (const version of VERSIONS) {
    test(`that takes too long is given up by the server and refused as unavailable (${version})`, async () => {
      const broker = await scene.broker({ entries, config: scene.config({ statementTimeoutMs: 300 }) });
      const since = broker.log.length;
      await scene.sql('begin');
      await scene.sql('lock table portcullis.users in access exclusive mode');
      const begun = performance.now();
      assert.match(await login(broker, version, 'alice'), CONNACK.unavailable[version]);
      const took = performance.now() - begun;
      assert.ok(took >= 290 && took < TIMEOUT_MS, `refused after ${took} ms`);
      await broker.logged(/statement timeout \(57014\)/, since);
      const [running] = await scene.sql(`select count(*)::int as count from pg_stat_activity where usename = $1 and state = 'active'`, scene.role);
      assert.equal(running?.count, 0);
      await scene.sql('rollback');
      assert.match(await login(broker, version, 'alice'), CONNACK.accepted[version]);
    });
  }

  for (const version of VERSIONS) {
    test(`that finds too many others under way is refused as busy at once (${version})`, async () => {
      const busy = version === '5.0' ? '20 03 00 89 00' : '20 02 00 03';
      const broker = await scene.broker({
        config: scene.config({ statementTimeoutMs: 3000 }),
        entries: { plugin: { timeoutMs: 5000, maxConcurrent: 2, maxQueue: 10 } },
      });
      await scene.sql('begin');
      await scene.sql('lock table portcullis.users in access exclusive mode');
      const answers: string[] = [];
      const logins = Array.from({ length: 50 }, async (_, i) => void answers.push(await login(broker, version, `crowd${i}`)));
      await broker.until('those that are too many to be refused', () => answers.length === 38);
      assert.deepEqual(new Set(answers), new Set([busy]));
      await scene.sql('rollback');
      await Promise.all(logins);
      for (const answer of answers.slice(38)) assert.match(answer, CONNACK.badCredentials[version]);
    });
  }

  test('that is slow does not hold up those that are put behind it', async () => {
    await scene.sql(
      `create function patience(text) returns text language plpgsql stable as $$ begin if $1 = 'slow' then perform pg_sleep(10); end if; return $1; end $$`,
    );
    const user =
      'select u.username, u.password_hash from portcullis.users u, lateral patience($2) p where u.tenant = $1 and u.username = p union all select null, null where patience($2) is null';
    const broker = await scene.broker({ entries, config: scene.config({ statementTimeoutMs: 1200, push: false, queries: { user } }) });
    for (let round = 0; round < 3; round += 1) {
      const slow = login(broker, '5.0', 'slow');
      const begun = performance.now();
      const quick = await Promise.all(['alice', 'bob', 'alice', 'bob', 'nobody', 'nobody'].map((name) => login(broker, '5.0', name)));
      const took = performance.now() - begun;
      assert.ok(took < 1000, `the others took ${took} ms`);
      assert.deepEqual(
        quick.map((hex) => CONNACK.accepted['5.0'].test(hex)),
        [true, true, true, true, false, false],
      );
      assert.match(await slow, CONNACK.unavailable['5.0']);
    }
  });

  for (const version of VERSIONS) {
    test(`about a row that is damaged on the disk is a fault of that one user: the breaker stays closed (${version})`, async () => {
      await scene.sql(
        `create or replace function damaged(text) returns text language plpgsql stable as $$ begin if $1 = 'damaged' then raise exception 'invalid page' using errcode = 'XX001'; end if; return $1; end $$`,
      );
      const user = 'select u.username, u.password_hash from portcullis.users u, lateral damaged($2) p where u.tenant = $1 and u.username = p';
      const broker = await scene.broker({
        config: scene.config({ push: false, queries: { user } }),
        entries: { plugin: { breaker: { faults: 2, windowMs: 10_000, openMs: 60_000 } } },
      });
      for (let i = 0; i < 4; i += 1) assert.match(await login(broker, version, 'damaged'), CONNACK.unavailable[version]);
      assert.match(await login(broker, version, 'alice'), CONNACK.accepted[version]);
      await broker.stop();
    });
  }

  for (const [what, break_, repair] of [
    [
      'with an endless text for an answer',
      `update portcullis.users set attributes = jsonb_build_object('a', repeat('x', 30000000)) where username = 'poison'`,
      `update portcullis.users set attributes = '{}' where username = 'poison'`,
    ],
    [
      'with more rules than anybody has',
      `insert into portcullis.rules (user_id, effect, actions, pattern) select id, 'allow', '{publish}', 'a' from portcullis.users, generate_series(1, 10001) where username = 'poison'`,
      'delete from portcullis.rules',
    ],
  ] as const) {
    test(`${what} is a fault of that one answer: the others are let in, and the breaker stays closed`, async () => {
      const broker = await scene.broker({
        config: scene.config({ statementTimeoutMs: 3000 }),
        entries: { plugin: { timeoutMs: 4000, breaker: { faults: 2, windowMs: 10_000, openMs: 60_000 } } },
      });
      await scene.sql('delete from portcullis.users where username = $1', 'poison');
      await scene.user('poison');
      await scene.sql(break_);
      for (let i = 0; i < 5; i += 1) assert.match(await login(broker, '5.0', 'poison'), CONNACK.unavailable['5.0']);
      assert.match(await login(broker, '5.0', 'alice'), CONNACK.accepted['5.0']);
      await scene.sql(repair);
      await soon('the poison to be gone', async () => !CONNACK.unavailable['5.0'].test(await login(broker, '5.0', 'poison')));
    });
  }
});

describe('at the end of a lease', () => {
  for (const version of VERSIONS) {
    test(`rights that cannot be confirmed end with the connection; those that can go on (${version})`, async (t) => {
      const end = ending(t);
      const server = await startPostgres();
      end.after(() => server.dispose());
      const scene = await Scene.open(end, server);
      await scene.user('alice');
      await scene.rule('all/#');
      const broker: TestBroker = await scene.broker({ config: scene.config({ leaseSeconds: 2 }) });
      const alice = await enter(broker, version, 'alice');
      const confirmed = (): number => broker.decisions.filter(({ hook, outcome }) => hook === 'refreshIdentity' && outcome === 'allow').length;
      await broker.until('two leases to be confirmed', () => confirmed() >= 2, 10_000);
      await alice.publish('all/x', 'x', { qos: 1 });
      await server.stop();
      const begun = performance.now();
      if (version === '5.0') await alice.expectPacket(/^e0 01 89$/);
      await alice.expectClosed();
      assert.ok(performance.now() - begun < 2000 + SPARE_MS);
    });
  }
});
