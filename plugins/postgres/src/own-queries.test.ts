import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { CONNACK, cheapHash, ending, enter, login, PASSWORD, Scene, soon, VERSIONS } from './scene.test.support.js';

const DENIED = 0x87;
const TABLES = `
create table people (id int, org text, nick text, secret text, active bool, teams text[], labels json);
create table rights (id int, org text, nick text, team text, may text, what text[], topic text, qos int, keep bool);
create table stamp (n bigint);
insert into stamp values (1);
`;
const QUERIES = {
  user: `select nick as username, secret as password_hash, active as enabled, teams as groups, labels as attributes from people where org = $1 and nick like $2`,
  rules:
    'select id, may as effect, what as actions, topic as pattern, qos as max_qos, keep as retain from rights where org = $1 and nick = $2 order by id',
  groupRules: 'select id, may as effect, what as actions, topic as pattern from rights where org = $1 and team = $2',
  everybodyRules: `select may as effect, what as actions, topic as pattern from rights where org = $1 and nick is null and team is null`,
};

describe("tables of one's own", async () => {
  const scene = await Scene.open(ending({ after }), undefined, { init: false });
  await scene.sql(TABLES);
  await scene.sql(`grant select on people, rights, stamp to ${scene.role}`);
  const hash = await cheapHash();
  const config = scene.config({ queries: QUERIES, notifications: { channel: 'My changes' } });
  const add = (nick: string, secret: string | null = hash, teams: string[] | null = null): Promise<unknown> =>
    scene.sql('insert into people values (1, $1, $2, $3, true, $4, $5)', '', nick, secret, teams, '{"site":"north"}');
  const notify = (change: object): Promise<unknown> => scene.sql('select pg_notify($1, $2)', 'My changes', JSON.stringify(change));

  test('give users, groups, attributes and rules', async () => {
    await add('alice', hash, ['crew']);
    await scene.sql(`insert into rights values (1, '', 'alice', null, 'allow', '{publish}', 'own/%u', 1, false), (2, '', null, 'crew', 'allow', '{publish}', 'crew/#', null, null),
      (3, '', null, null, 'allow', '{publish,subscribe}', 'site/%{attr.site}', null, null), (4, '', 'alice', null, 'deny', '{publish}', 'crew/secret', null, null)`);
    const broker = await scene.broker({ config });
    const alice = await enter(broker, '5.0', 'alice');
    const publish = async (topic: string, more: object = {}): Promise<boolean> => (await alice.publish(topic, 'x', { qos: 1, ...more })) !== DENIED;
    assert.deepEqual(
      [await publish('own/alice'), await publish('own/alice', { retain: true }), await publish('own/alice', { qos: 2 })],
      [true, false, false],
    );
    assert.deepEqual(
      [await publish('crew/x'), await publish('crew/secret'), await publish('site/north'), await publish('site/south')],
      [true, false, true, false],
    );
  });

  test('may be as in the documentation', async () => {
    await scene.sql(`create table device (name text primary key, secret text, active boolean not null, kind text not null);
      create table device_topic (name text not null references device, rw int not null, topic text not null);
      grant select on device, device_topic to ${scene.role}`);
    await scene.sql(`insert into device values ('d1', $1, true, 'pump')`, hash);
    await scene.sql(`insert into device_topic values ('d1', 1, 'read/#'), ('d1', 2, 'write/#'), ('d1', 3, 'both/#')`);
    const page = readFileSync(new URL('../../../docs/postgresql.md', import.meta.url), 'utf8');
    const example = /^\{\n {2}"queries": \{[\s\S]*?^\}$/m.exec(page)?.[0] ?? '';
    const broker = await scene.broker({ config: scene.config(JSON.parse(example) as Record<string, unknown>) });
    const client = await enter(broker, '5.0', 'd1');
    const publishes: boolean[] = [];
    for (const topic of ['read/a', 'write/a', 'both/a']) publishes.push((await client.publish(topic, 'x', { qos: 1 })) !== DENIED);
    assert.deepEqual(publishes, [false, true, true]);
    assert.deepEqual(
      [await client.subscribe('read/#', 1), await client.subscribe('write/#', 1), await client.subscribe('both/#', 1)],
      [1, DENIED, 1],
    );
  });

  test('find nobody by likeness, however the statement compares', async () => {
    await add('wild');
    const broker = await scene.broker({ config });
    for (const name of ['w%', '%', '____', 'wil_', 'wild']) {
      assert.match(await login(broker, '5.0', name), name === 'wild' ? CONNACK.accepted['5.0'] : /^20 03 00 8[68] 00$/, name);
    }
  });

  for (const version of VERSIONS) {
    test(`make two rows for one name a fault, and not a choice (${version})`, async () => {
      await add(`twin ${version}`);
      await add(`twin ${version}`, null);
      const broker = await scene.broker({ config, entries: { plugin: { breaker: { faults: 1, windowMs: 10_000, openMs: 60_000 } } } });
      assert.match(await login(broker, version, `twin ${version}`), CONNACK.unavailable[version]);
      assert.match(await login(broker, version, 'alice'), CONNACK.accepted[version]);
    });

    test(`make a row that is no rule, no flag or no list a fault of those whom it concerns (${version})`, async () => {
      const broker = await scene.broker({ config });
      const wrong: [string, string][] = [
        ['no flag', `update people set active = null where nick = $1`],
        ['no name of a group', `update people set teams = '{a,NULL}' where nick = $1`],
        ['lists within lists', `update people set teams = '{{a},{b}}' where nick = $1`],
        ['no attributes', `update people set labels = '[1]' where nick = $1`],
        ['no value', `update people set labels = '{"a": {"b": 1}}' where nick = $1`],
        ['a value twice', `update people set labels = '{"site": "north", "si\\u0074e": "south"}' where nick = $1`],
        ['no effect', `insert into rights (org, nick, may, what, topic) values ('', $1, 'ALLOW', '{publish}', 'a')`],
        ['no action', `insert into rights (org, nick, may, what, topic) values ('', $1, 'allow', '{write}', 'a')`],
        ['no actions', `insert into rights (org, nick, may, what, topic) values ('', $1, 'allow', null, 'a')`],
        ['no pattern', `insert into rights (org, nick, may, what, topic) values ('', $1, 'allow', '{publish}', null)`],
        ['a bad pattern', `insert into rights (org, nick, may, what, topic) values ('', $1, 'allow', '{publish}', 'a/#/b')`],
        ['no QoS', `insert into rights (org, nick, may, what, topic, qos) values ('', $1, 'allow', '{publish}', 'a', 3)`],
        ['nothing at all', `insert into rights (org, nick) values ('', $1)`],
      ];
      for (const [what, statement] of wrong) {
        const name = `${what} ${version}`;
        await add(name);
        await scene.sql(statement, name);
        assert.match(await login(broker, version, name), CONNACK.unavailable[version], what);
      }
      assert.match(await login(broker, version, 'alice'), CONNACK.accepted[version]);
    });
  }

  test('announce changes on their channel', async () => {
    await add('moving');
    await add('leaving');
    await scene.sql(`insert into rights values (9, '', 'moving', null, 'allow', '{publish}', 'moving/#')`);
    const broker = await scene.broker({ config });
    const [moving, leaving] = [await enter(broker, '5.0', 'moving'), await enter(broker, '5.0', 'leaving')];
    assert.notEqual(await moving.publish('moving/a', 'x', { qos: 1 }), DENIED);
    await scene.sql('delete from rights where id = 9');
    await notify({ kind: 'user', tenant: '', name: 'moving' });
    await soon('the right to be gone', async () => (await moving.publish('moving/a', 'x', { qos: 1 })) === DENIED);
    await scene.sql(`delete from people where nick = 'leaving'`);
    await notify({ kind: 'user', name: 'leaving' });
    await leaving.expectExpelled(DENIED);
    // What nobody can read may mean anything.
    await scene.sql(`update people set active = false where nick = 'moving'`);
    await notify({ kind: 'wat' });
    await moving.expectExpelled(DENIED);
  });

  test('say by their version that something was missed', async () => {
    await add('versioned');
    const broker = await scene.broker({
      config: scene.config({
        queries: { ...QUERIES, version: 'select n as version from stamp' },
        notifications: { channel: 'My changes' },
        heartbeatSeconds: 1,
      }),
    });
    const client = await enter(broker, '5.0', 'versioned');
    await scene.sql(`update people set active = false where nick = 'versioned'`);
    await scene.sql('update stamp set n = n + 1');
    await client.expectExpelled(DENIED);
  });

  test('that say their version at any length are not listened to: nothing is kept, and it heals', async () => {
    await add('patient');
    await scene.sql(`create table era (name text); insert into era values ('first'); grant select on era to ${scene.role}`);
    const broker = await scene.broker({
      config: scene.config({
        queries: { ...QUERIES, version: 'select n as version, name as epoch from stamp, era' },
        notifications: { channel: 'My changes' },
        heartbeatSeconds: 1,
        statementTimeoutMs: 5000,
      }),
      entries: { plugin: { timeoutMs: 6000 } },
    });
    await scene.sql(`update era set name = repeat('x', 20000000)`);
    await broker.logged(/no longer heard.*an answer is longer than/);
    assert.match(await login(broker, '5.0', 'patient'), CONNACK.accepted['5.0']);
    await scene.sql(`update era set name = 'second'`);
    await broker.until('changes to be heard again', () => broker.stats.get('plugin.plugin.pushStale') === 0, 10_000);
  });

  test('say by their version that of two changes one was not announced', async () => {
    await add('announced');
    await add('unannounced');
    const broker = await scene.broker({
      config: scene.config({ queries: { ...QUERIES, version: 'select n as version from stamp' }, notifications: { channel: 'My changes' } }),
    });
    const client = await enter(broker, '5.0', 'unannounced');
    await scene.sql(`update people set active = false where nick = 'unannounced'`);
    await scene.sql('update stamp set n = n + 2');
    await notify({ kind: 'user', name: 'announced' });
    await client.expectExpelled(DENIED);
  });

  test('without push a change counts when the lease ends', async () => {
    await add('waiting');
    const broker = await scene.broker({ config: scene.config({ queries: QUERIES, push: false, leaseSeconds: 2 }) });
    const client = await enter(broker, '5.0', 'waiting');
    await scene.sql(`update people set active = false where nick = 'waiting'`);
    const begun = performance.now();
    await client.expectExpelled(DENIED);
    assert.ok(performance.now() - begun < 3500);
    assert.match(await login(broker, '5.0', 'waiting', PASSWORD), CONNACK.badCredentials['5.0']);
  });

  test('a column that changes its type while the broker runs is a fault, and well again with it', async () => {
    await scene.sql('create table mutable (nick text, secret text, active bool)');
    await scene.sql(`grant select on mutable to ${scene.role}`);
    await scene.sql('insert into mutable values ($1, $2, true)', 'shifty', hash);
    const user = 'select nick as username, secret as password_hash, active as enabled from mutable where $1::text = $1 and nick = $2';
    const broker = await scene.broker({ config: scene.config({ queries: { user }, push: false, leaseSeconds: 1 }) });
    assert.match(await login(broker, '5.0', 'shifty'), CONNACK.accepted['5.0']);
    await scene.sql(`alter table mutable alter active type text using 'f'`);
    await soon('a fault', async () => CONNACK.unavailable['5.0'].test(await login(broker, '5.0', 'shifty')));
    for (let i = 0; i < 10; i += 1) assert.doesNotMatch(await login(broker, '5.0', 'shifty'), CONNACK.accepted['5.0']);
    await scene.sql('alter table mutable alter active type bool using true');
    await soon('a login', async () => CONNACK.accepted['5.0'].test(await login(broker, '5.0', 'shifty')));
  });
});
