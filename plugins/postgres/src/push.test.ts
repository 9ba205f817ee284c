import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { hashPassword } from '@portcullis/sdk/passwords';
import type { TestBroker, TestClient } from '@portcullis/testing';
import { CONNACK, ending, enter, login, PASSWORD, Scene, VERSIONS, type Version } from './scene.test.support.js';

const DENIED = 0x87;
const PUSH_STALE = 'plugin.plugin.pushStale';

describe('a change by SQL', async () => {
  const scene = await Scene.open(ending({ after }));
  const broker = await scene.broker();
  let users = 0;

  async function user(version: Version, groups: readonly string[] = []): Promise<{ name: string; client: TestClient }> {
    const name = `user${++users}`;
    await scene.user(name, { groups });
    return { name, client: await enter(broker, version, name) };
  }

  /** The user's connection is ended: 5.0 with the code, 3.1.1 without a word. */
  async function expelled(client: TestClient, version: Version): Promise<void> {
    if (version === '5.0') await client.expectExpelled(DENIED);
    else await client.expectClosed();
  }

  for (const version of VERSIONS) {
    const ways: [string, (name: string) => Promise<unknown>][] = [
      ['disables', (name) => scene.sql('update portcullis.users set enabled = false where username = $1', name)],
      ['deletes', (name) => scene.sql('delete from portcullis.users where username = $1', name)],
      ['renames', (name) => scene.sql(`update portcullis.users set username = username || '-new' where username = $1`, name)],
      ['describes otherwise', (name) => scene.sql(`update portcullis.users set attributes = '{"site":"x"}' where username = $1`, name)],
      ['moves to another tenant', (name) => scene.sql(`update portcullis.users set tenant = 'other' where username = $1`, name)],
    ];
    for (const [what, change] of ways) {
      test(`that ${what} a user ends his connections and nobody else's (${version})`, async () => {
        const { name, client } = await user(version);
        const { client: other } = await user(version);
        await change(name);
        await expelled(client, version);
        assert.match(
          await login(broker, version, name),
          what === 'describes otherwise' ? CONNACK.accepted[version] : CONNACK.badCredentials[version],
        );
        await other.expectSilence();
        other.close();
      });
    }

    test(`of a password ends the connections that were made with the old one (${version})`, async () => {
      const { name, client } = await user(version);
      await scene.sql('update portcullis.users set password_hash = $2 where username = $1', name, await hashPassword('new', { format: 'sha512' }));
      await expelled(client, version);
      assert.match(await login(broker, version, name), CONNACK.badCredentials[version]);
      assert.match(await login(broker, version, name, 'new'), CONNACK.accepted[version]);
    });

    test(`that makes no difference ends nothing (${version})`, async () => {
      const { name, client } = await user(version);
      await scene.rule('some/rule', { user: name });
      await scene.sql('update portcullis.users set enabled = enabled, password_hash = password_hash where username = $1', name);
      await scene.join(name, 'some group');
      await client.expectSilence();
      client.close();
    });
  }

  test('of rules is in force on live clients: own rules, those of a group, those of everybody, and membership', async () => {
    const { name, client } = await user('5.0');
    const may = async (topic: string): Promise<boolean> => (await client.publish(topic, 'x', { qos: 1 })) !== DENIED;
    const comes = async (topic: string, allowed: boolean): Promise<void> => {
      const end = performance.now() + 2000;
      while ((await may(topic)) !== allowed) assert.ok(performance.now() < end, `${topic} is not ${allowed} within 2 s`);
    };
    assert.equal(await may('own/a'), false);
    await scene.rule('own/#', { user: name });
    await comes('own/a', true);
    await scene.sql(`delete from portcullis.rules where pattern = 'own/#'`);
    await comes('own/a', false);
    await scene.join(name, 'crew');
    await scene.rule('crew/#', { group: 'crew' });
    await comes('crew/a', true);
    await scene.sql(`update portcullis.rules set effect = 'deny' where pattern = 'crew/#'`);
    await comes('crew/a', false);
    await scene.sql(`update portcullis.rules set effect = 'allow' where pattern = 'crew/#'`);
    await comes('crew/a', true);
    await scene.sql('delete from portcullis.memberships where group_id = (select id from portcullis.groups where name = $1)', 'crew');
    await comes('crew/a', false);
    await scene.rule('hall/#');
    await comes('hall/a', true);
    await scene.sql('truncate portcullis.rules');
    await comes('hall/a', false);
    client.close();
  });

  test('to a live subscription stops its messages at once', async () => {
    const { name, client } = await user('5.0');
    await scene.rule('news/#', { user: name });
    const granted = async (): Promise<boolean> => (await client.subscribe('news/#', 1)) === 1;
    const end = performance.now() + 2000;
    while (!(await granted())) assert.ok(performance.now() < end);
    await broker.publish({ topic: 'news/a', payload: '1' });
    await client.expectMessage('news/a', '1');
    const since = broker.log.length;
    await scene.sql('delete from portcullis.rules where user_id = (select id from portcullis.users where username = $1)', name);
    await broker.logged(/suspended/, since);
    await broker.publish({ topic: 'news/a', payload: '2' });
    await client.expectSilence();
    client.close();
  });

  test('of very many users at once is found too', async () => {
    const { name, client } = await user('5.0');
    await scene.sql(`insert into portcullis.users (username, password_hash) select 'many' || i, '' from generate_series(1, 3000) i`);
    await scene.sql(`update portcullis.users set enabled = false where username like 'many%' or username = $1`, name);
    await client.expectExpelled(DENIED);
  });
});

describe('while changes are not heard of', async () => {
  const isStale = (broker: TestBroker) => () => broker.stats.get(PUSH_STALE) === 1;
  const isFresh = (broker: TestBroker) => () => broker.stats.get(PUSH_STALE) === 0;

  for (const version of VERSIONS) {
    test(`what was missed is told when they are heard again, and the figure says so in between (${version})`, async (t) => {
      const scene = await Scene.open(ending(t));
      const broker = await scene.broker();
      for (const name of ['gone', 'poor', 'same']) await scene.user(name);
      await scene.rule('a/#', { user: 'poor' });
      const [gone, poor, same] = await Promise.all(['gone', 'poor', 'same'].map((name) => enter(broker, version, name)));
      assert.ok(gone && poor && same);
      await poor.subscribe('a/b', 0);
      assert.equal(broker.stats.get(PUSH_STALE), 0);
      const cut = await scene.cutListener();
      await broker.until('the loss to be noticed', isStale(broker));
      await scene.sql(`update portcullis.users set enabled = false where username = 'gone'`);
      await scene.sql(`delete from portcullis.rules where pattern = 'a/#'`);
      await broker.publish({ topic: 'a/b', payload: 'still' });
      await poor.expectMessage('a/b', 'still');
      const since = broker.log.length;
      await cut.allow();
      await broker.until('changes to be heard again', isFresh(broker));
      if (version === '5.0') await gone.expectExpelled(DENIED);
      else await gone.expectClosed();
      await broker.logged(/suspended/, since);
      await broker.publish({ topic: 'a/b', payload: 'not any more' });
      await poor.expectSilence();
      await same.expectSilence();
    });
  }

  test('logins ask the database itself, and find what has changed', async (t) => {
    const scene = await Scene.open(ending(t));
    const broker = await scene.broker();
    await scene.user('bob');
    assert.match(await login(broker, '5.0', 'bob'), CONNACK.accepted['5.0']);
    // The connections for questions stay: only new ones are refused.
    await scene.cutListener();
    await broker.until('the loss to be noticed', isStale(broker));
    assert.match(await login(broker, '5.0', 'bob'), CONNACK.accepted['5.0']);
    await scene.sql(`update portcullis.users set enabled = false where username = 'bob'`);
    assert.match(await login(broker, '5.0', 'bob'), CONNACK.badCredentials['5.0']);
  });

  for (const [what, change] of [
    ['another epoch', 'update portcullis.state set epoch = gen_random_uuid(), version = 1'],
    ['a version that went backwards', 'update portcullis.state set version = 1'],
    ['a log that does not reach back', 'delete from portcullis.changes'],
  ] as const) {
    test(`${what} voids everything that is known`, async (t) => {
      const scene = await Scene.open(ending(t));
      const broker = await scene.broker();
      for (const name of ['bob', 'eve']) await scene.user(name);
      await scene.rule('a/#', { user: 'bob' });
      const [bob, eve] = [await enter(broker, '5.0', 'bob'), await enter(broker, '5.0', 'eve')];
      const cut = await scene.cutListener();
      await broker.until('the loss to be noticed', isStale(broker));
      // As a restore does it: nobody is told.
      await scene.sql('alter table portcullis.users disable trigger all');
      await scene.sql('alter table portcullis.rules disable trigger all');
      await scene.sql(`delete from portcullis.users where username = 'eve'`);
      await scene.sql('delete from portcullis.rules');
      await scene.sql('alter table portcullis.users enable always trigger all').catch(() => undefined);
      if (what.startsWith('a log')) await scene.sql('update portcullis.state set version = version + 1');
      await scene.sql(change);
      await cut.allow();
      await broker.until('changes to be heard again', isFresh(broker));
      await eve.expectExpelled(DENIED);
      const end = performance.now() + 2000;
      while ((await bob.publish('a/x', 'x', { qos: 1 })) !== DENIED) assert.ok(performance.now() < end);
      assert.match(await login(broker, '5.0', 'bob'), CONNACK.accepted['5.0']);
    });
  }

  test('a connection that listens and says nothing is found out by the heartbeat', async (t) => {
    const scene = await Scene.open(ending(t));
    const broker = await scene.broker({ config: scene.config({ heartbeatSeconds: 1, statementTimeoutMs: 200 }) });
    await scene.user('bob');
    const bob = await enter(broker, '5.0', 'bob');
    // Somebody holds the table that says how new the data is: whoever reads it waits.
    await scene.sql('begin');
    await scene.sql('lock table portcullis.state in access exclusive mode');
    await broker.until('the loss to be noticed', isStale(broker));
    await scene.sql('rollback');
    await broker.until('changes to be heard again', isFresh(broker));
    await bob.expectSilence();
    assert.equal(await login(broker, '5.0', 'bob', PASSWORD).then((hex) => CONNACK.accepted['5.0'].test(hex)), true);
  });
});
