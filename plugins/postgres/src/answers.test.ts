import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import plugin from './index.js';
import { doorPlugin } from './letting-in.test.support.js';
import { CONNACK, ending, enter, login, PASSWORD, Scene, VERSIONS } from './scene.test.support.js';

const SUCCESS = 0;
const DENIED = 0x87;

describe('the answers of the plugin postgres', async () => {
  const scene = await Scene.open(ending({ after }));
  await scene.user('alice', { groups: ['home'] });
  await scene.rule('home/#', { group: 'home' });
  await scene.rule('own/%u', { user: 'alice' });
  const broker = await scene.broker();

  for (const version of VERSIONS) {
    test(`let in with the right password and refuse with a wrong one and without any (${version})`, async () => {
      assert.match(await login(broker, version, 'alice'), CONNACK.accepted[version]);
      assert.match(await login(broker, version, 'alice', 'wrong'), CONNACK.badCredentials[version]);
      assert.match(await login(broker, version, 'alice', ''), CONNACK.badCredentials[version]);
      assert.match(await login(broker, version, 'stranger'), CONNACK.badCredentials[version]);
    });

    test(`refuse whoever has no hash, an empty, an unknown or an absurd one (${version})`, async () => {
      const hashes = [
        null,
        '',
        '$9$x',
        'plain',
        PASSWORD,
        '*',
        '$7$2147483648$AAAAAAAAAAAAAAAA$AAAA',
        '$argon2id$v=19$m=4294967295,t=1,p=1$AAAA$AAAA',
      ];
      for (const [index, hash] of hashes.entries()) {
        const name = `unsound${index} ${version}`;
        await scene.user(name, { hash });
        for (const password of [PASSWORD, '', '*', 'plain']) {
          assert.match(await login(broker, version, name, password), CONNACK.badCredentials[version], `${hash} ${password}`);
        }
      }
    });

    test(`refuse a disabled user as if the password were wrong (${version})`, async () => {
      await scene.user(`off ${version}`);
      await scene.sql('update portcullis.users set enabled = false where username = $1', `off ${version}`);
      assert.match(await login(broker, version, `off ${version}`), CONNACK.badCredentials[version]);
    });
  }

  test('find names by every byte of them: what means something to SQL means nothing here', async () => {
    const names = [
      "' or '1'='1",
      'x%',
      '_',
      '\\',
      'a"b',
      '$1',
      '{a,b}',
      'NULL',
      'constructor',
      '__proto__',
      'ALICE',
      'alice ',
      'ａlice',
      'a/b',
      '+',
      '#',
    ];
    for (const name of names) assert.match(await login(broker, '5.0', name), CONNACK.badCredentials['5.0'], name);
    for (const name of names) await scene.user(name);
    for (const name of names) assert.match(await login(broker, '5.0', name), CONNACK.accepted['5.0'], name);
    assert.match(await login(broker, '5.0', 'xy'), CONNACK.badCredentials['5.0']);
  });

  test('keep tenants and names apart, whatever they read like together', async () => {
    const chains = { default: { guards: [], authenticate: ['plugin'], authorize: ['plugin'] } };
    const listeners = {
      a: { url: 'mqtt://127.0.0.1:0', chain: 'default', tenant: 'a' },
      'a-b': { url: 'mqtt://127.0.0.1:0', chain: 'default', tenant: 'a-b' },
    };
    const tenants = { a: {}, 'a-b': {} };
    const split = await scene.broker({ document: { listeners, chains, tenants } });
    await scene.user('b-c', { tenant: 'a' });
    const enters = async (listener: string, username: string): Promise<boolean> => {
      const client = await split.client({ protocol: '5.0', listener });
      client.sendConnect({ username, password: PASSWORD });
      const { hex } = await client.expectPacket(/^20 /);
      client.close();
      return CONNACK.accepted['5.0'].test(hex);
    };
    assert.equal(await enters('a', 'b-c'), true);
    assert.equal(await enters('a-b', 'c'), false);
    assert.equal(await enters('a-b', 'b-c'), false);
    assert.equal(await enters('local', 'b-c'), false);
    assert.equal(await enters('local', 'a-b-c'), false);
    await scene.rule('shared/#', { tenant: 'a' });
    assert.equal(await enters('a', 'b-c'), true);
  });

  test('give everybody, groups and users their rights, and no more', async () => {
    await scene.rule('all/#');
    await scene.rule('all/secret', { effect: 'deny' });
    const alice = await enter(broker, '5.0', 'alice');
    const codes = async (...topics: string[]): Promise<number[]> => {
      const answers: number[] = [];
      for (const topic of topics) answers.push(await alice.publish(topic, 'x', { qos: 1 }));
      return answers.map((code) => (code === 0x10 ? SUCCESS : code));
    };
    assert.deepEqual(await codes('home/a', 'own/alice', 'own/bob', 'all/a', 'all/secret', 'other'), [
      SUCCESS,
      SUCCESS,
      DENIED,
      SUCCESS,
      DENIED,
      DENIED,
    ]);
    alice.close();
  });

  test('leave nothing of what a disabled user may do, whoever let him in', async () => {
    await scene.user('carol', { groups: ['home'] });
    const both = await scene.broker({ plugins: { plugin, door: doorPlugin }, chain: { authenticate: ['door'], authorize: ['plugin'] } });
    const carol = await enter(both, '5.0', 'carol');
    assert.notEqual(await carol.publish('home/x', 'x', { qos: 1 }), DENIED);
    await scene.sql(`update portcullis.users set enabled = false where username = 'carol'`);
    await assertSoon(async () => (await carol.publish('home/x', 'x', { qos: 1 })) === DENIED);
    assert.equal(await carol.publish('all/a', 'x', { qos: 1 }), DENIED);
  });
});

/** Tries until it is so, for a second at most. */
async function assertSoon(holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 1000;
  while (!(await holds())) assert.ok(performance.now() < end, 'not within a second');
}
