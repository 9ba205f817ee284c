import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { CONNACK, ending, enter, login, PASSWORD, Scene, soon, VERSIONS } from './scene.test.support.js';
import { MAX_CHANGES_PER_STATEMENT } from './schema/first-triggers.js';

const DENIED = 0x87;

test('a change to very many users leaves those alone that it does not concern', async (t) => {
  const scene = await Scene.open(ending(t));
  // What is older than was announced is asked for again for this long, and then the connection ends.
  const chain = { authenticate: ['plugin'], authorize: ['plugin'], deadlineMs: 300 };
  const broker = await scene.broker({ chain });
  await scene.user('ann');
  await scene.rule('ann/#', { user: 'ann' });
  const ann = await enter(broker, '5.0', 'ann');
  await scene.sql(
    `insert into portcullis.users (username, password_hash) select 'u' || n, (select password_hash from portcullis.users) from generate_series(1, 300) n`,
  );
  await soon('the change to be heard of', async () => /^20 .. 00 00/.test(await login(broker, '5.0', 'u300')));
  await ann.expectSilence(700);
  assert.ok((await ann.publish('ann/a', 'x', { qos: 1 })) < 0x80);
  ann.close();
});

describe('one statement that touches more users than a version lists', async () => {
  const scene = await Scene.open(ending({ after }));
  const listed = MAX_CHANGES_PER_STATEMENT;
  await scene.sql(`insert into portcullis.users (username) select 'm' || n from generate_series(1, ${listed}) n`);
  await scene.sql(`insert into portcullis.groups (name) values ('crew')`);
  await scene.rule('crew/#', { group: 'crew' });
  const broker = await scene.broker();

  /** How the newest version stands in the log. */
  const logged = async (): Promise<unknown> =>
    (await scene.sql('select distinct kind, tenant from portcullis.changes c, portcullis.state s where c.version = s.version'))[0];

  for (const version of VERSIONS) {
    test(`ends the connections of those whom it has disabled, lets them in no more, and nobody else is concerned (${version})`, async () => {
      const [name, other] = [`off ${version}`, `other ${version}`];
      await scene.user(name);
      await scene.user(other, { tenant: 'acme' });
      const listeners = { acme: { url: 'mqtt://127.0.0.1:0', chain: 'default', tenant: 'acme' } };
      const chains = { default: { guards: [], authenticate: ['plugin'], authorize: ['plugin'] } };
      const both = await scene.broker({ document: { listeners, chains, tenants: { acme: {} } } });
      const stays = await both.client({ protocol: version, listener: 'acme' });
      await stays.connect({ username: other, password: PASSWORD });
      const client = await enter(both, version, name);
      await scene.sql(`update portcullis.users set enabled = false where tenant = ''`);
      assert.deepEqual(await logged(), { kind: 'tenant', tenant: '' });
      if (version === '5.0') await client.expectExpelled(DENIED);
      else await client.expectClosed();
      assert.match(await login(both, version, name), CONNACK.badCredentials[version]);
      await stays.expectSilence();
      await both.stop();
      await scene.sql(`update portcullis.users set enabled = true where tenant = ''`);
    });
  }

  test('takes the rules of those whom it has taken them from', async () => {
    await scene.user('ruled');
    await scene.sql(
      `insert into portcullis.rules (user_id, effect, actions, pattern) select id, 'allow', '{publish}', 'own/#' from portcullis.users where tenant = ''`,
    );
    const client = await enter(broker, '5.0', 'ruled');
    assert.notEqual(await client.publish('own/a', 'x', { qos: 1 }), DENIED);
    await scene.sql(`delete from portcullis.rules where pattern = 'own/#'`);
    assert.deepEqual(await logged(), { kind: 'tenant', tenant: '' });
    await soon('the right to be gone', async () => (await client.publish('own/a', 'x', { qos: 1 })) === DENIED);
    await client.expectSilence();
    client.close();
  });

  test('takes the groups of those whom it has taken them from', async () => {
    await scene.user('member');
    await scene.sql(
      `insert into portcullis.memberships (user_id, group_id) select u.id, g.id from portcullis.users u, portcullis.groups g where u.tenant = ''`,
    );
    const client = await enter(broker, '5.0', 'member');
    assert.notEqual(await client.publish('crew/a', 'x', { qos: 1 }), DENIED);
    await scene.sql('delete from portcullis.memberships');
    assert.deepEqual(await logged(), { kind: 'tenant', tenant: '' });
    await soon('the right to be gone', async () => (await client.publish('crew/a', 'x', { qos: 1 })) === DENIED);
    client.close();
  });
});
