import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { hashPassword } from '@portcullis/sdk/passwords';
import type { TestBroker } from '@portcullis/testing';
import { allow, HASH, OTHER_HASH, PASSWORD, redisBroker, redisScene } from './redis.test.support.js';

const scene = redisScene();
let broker: TestBroker;

beforeEach(async () => {
  broker = await redisBroker(scene.server.port);
});

afterEach(() => broker.stop());

async function login(username: string, password = PASSWORD, protocol: '3.1.1' | '5.0' = '5.0') {
  const client = await broker.client({ protocol });
  await client.connect({ username, password });
  return client;
}

async function refusedWith(connack: string, protocol: '3.1.1' | '5.0', username: string, password: string): Promise<void> {
  const client = await broker.client({ protocol });
  client.sendConnect({ username, password });
  await client.expectPacket(connack);
  await client.expectClosed();
}

test('a user comes in with the right password and has the rights of user, groups and everybody', async () => {
  await scene.admin.putGroup('sensors', [allow('sensors/#')]);
  await scene.admin.putGroup('', [allow('news/#', 'subscribe', 'receive')]);
  await scene.admin.putUser('alice', { groups: ['sensors'], attributes: { site: 'north' }, rules: [allow('site/%{attr.site}/#')] });
  const alice = await login('alice');
  for (const topic of ['sensors/1', 'site/north/x']) assert.equal(await alice.publish(topic, 'x', { qos: 1 }), 0, topic);
  for (const topic of ['news/today', 'site/south/x', 'x']) assert.equal(await alice.publish(topic, 'x', { qos: 1 }), 0x87, topic);
  assert.equal(await alice.subscribe('news/#', 1), 1);
});

test('a wrong password, a stranger, and a disabled, deleted or passwordless user are refused alike, byte by byte', async () => {
  await scene.admin.putUser('alice');
  await scene.admin.putUser('off', { enabled: false });
  await scene.admin.putUser('gone');
  await scene.admin.deleteUser('gone');
  await scene.admin.putUser('none', { hash: '' });
  await scene.admin.putUser('odd', { hash: '$9$x$y' });
  await scene.admin.putUser('absurd', {
    hash: '$7$2147483647$P3oFgCKlVM3D+4hf$2wALm6UtUvq+dHg5nC0lPyY8RL6AXds0OOAdQ7uysuxYARPK6EwCdpoZDX3ZDkNvAVO/G5RLPvsOcDy74q5IwQ==',
  });
  for (const name of ['alice', 'off', 'gone', 'none', 'odd', 'absurd', 'stranger']) {
    const password = name === 'alice' ? 'wrong' : PASSWORD;
    await refusedWith('20 02 00 04', '3.1.1', name, password);
    await refusedWith('20 03 00 86 00', '5.0', name, password);
  }
  await refusedWith('20 03 00 86 00', '5.0', 'none', '');
});

test('what is not exactly a user is a fault of that one question: refused as unavailable, and the others come in', async () => {
  await scene.admin.putUser('alice');
  const good = { v: '1', hash: HASH, enabled: '1', groups: '[]', attributes: '{}', rules: '[]' };
  const bad: readonly (readonly [name: string, fields: Readonly<Record<string, string>>])[] = [
    ['enabled-word', { ...good, enabled: 'true' }],
    ['enabled-yes', { ...good, enabled: '01' }],
    ['enabled-empty', { ...good, enabled: '' }],
    ['no-version', { ...good, v: '' }],
    ['odd-version', { ...good, v: '1e3' }],
    ['ahead', { ...good, v: '999' }],
    ['groups-text', { ...good, groups: 'admins' }],
    ['groups-object', { ...good, groups: '{"a":1}' }],
    ['groups-null', { ...good, groups: 'null' }],
    ['groups-twice', { ...good, groups: '["a","a"]' }],
    ['attributes-list', { ...good, attributes: '[]' }],
    ['attributes-null', { ...good, attributes: '{"a":null}' }],
    ['attributes-double', { ...good, attributes: '{"a":1,"a":2}' }],
    ['rules-object', { ...good, rules: '{}' }],
    ['rules-effect', { ...good, rules: '[{"effect":"deny","effect":"allow","actions":["publish"],"pattern":"#"}]' }],
    ['rules-misspelt', { ...good, rules: '[{"effect":"allow","actions":["publish"],"pattern":"#","max_qos":0}]' }],
    ['rules-actions', { ...good, rules: '[{"effect":"allow","actions":"publish","pattern":"#"}]' }],
    ['rules-qos', { ...good, rules: '[{"effect":"allow","actions":["publish"],"pattern":"#","maxQos":"0"}]' }],
    ['rules-pattern', { ...good, rules: '[{"effect":"allow","actions":["publish"],"pattern":"a/#/b"}]' }],
    ['rules-garbage', { ...good, rules: '[{]' }],
    ['group-missing', { ...good, groups: '["nobody"]' }],
    ['more', { ...good, superuser: '1' }],
    ['tombstone-and-user', { ...good, deleted: '1' }],
    ['hash-huge', { ...good, hash: `$7$${'x'.repeat(2000)}` }],
    ['huge', { ...good, rules: `[${' '.repeat(2_000_000)}]` }],
    ...Object.keys(good).map((field) => [`without-${field}`, without(good, field)] as const),
  ];
  for (const [name, fields] of bad) await scene.admin.client.hset(scene.admin.layout.user(null, name), fields);
  await scene.admin.client.set(scene.admin.layout.user(null, 'text'), 'alice');
  await scene.admin.client.sadd(scene.admin.layout.user(null, 'set'), 'alice');
  await scene.admin.client.lpush(scene.admin.layout.user(null, 'list'), 'alice');
  for (const name of [...bad.map(([bad]) => bad), 'text', 'set', 'list']) {
    await refusedWith('20 02 00 03', '3.1.1', name, PASSWORD);
    await refusedWith('20 03 00 88 00', '5.0', name, PASSWORD);
  }
  await login('alice');
});

test('names are literals: none reaches a key of somebody else or of the plugin', async () => {
  const hostile = [
    'a:b',
    '*',
    '?',
    '[a-z]*',
    'x\r\nFLUSHALL\r\n',
    '{other}',
    '%',
    '%41',
    'constructor',
    '__proto__',
    'é',
    '名',
    ' ',
    '#',
    'a/b',
    'user:alice',
  ];
  await scene.admin.putUser('alice', { rules: [allow('alice/#')] });
  for (const name of [...hostile, 'A', 'version', 'everybody', 'epoch', 'alice:', 'alice\t'])
    await refusedWith('20 03 00 86 00', '5.0', name, PASSWORD);
  for (const name of hostile) await scene.admin.putUser(name, { rules: [allow('mine')] });
  for (const name of hostile) {
    const client = await login(name);
    assert.equal(await client.publish('mine', 'x', { qos: 1 }), 0, name);
    assert.equal(await client.publish('alice/x', 'x', { qos: 1 }), 0x87, name);
  }
  await refusedWith('20 03 00 86 00', '5.0', 'x'.repeat(1025), PASSWORD);
  await refusedWith('20 02 00 04', '3.1.1', 'x'.repeat(60_000), PASSWORD);
});

test('what was kept of one user is never the answer for another, however the names are cut', async () => {
  await scene.admin.putUser('a', { hash: await hashPassword(Buffer.from('b-c'), { format: 'pbkdf2-sha512' }) });
  await scene.admin.putUser('a-b', { hash: OTHER_HASH });
  await login('a', 'b-c');
  await refusedWith('20 02 00 04', '3.1.1', 'a-b', 'c');
  await refusedWith('20 03 00 86 00', '5.0', 'a-b', 'c');
});

test('a user that logs in again is not read again, and each wrong password is judged by itself', async () => {
  await scene.admin.putUser('alice');
  await login('alice');
  const before = await commands();
  for (let times = 0; times < 20; times += 1) await login('alice');
  assert.ok((await commands()) - before < 5, 'logins of a user that is kept ask Redis nothing');
  await refusedWith('20 03 00 86 00', '5.0', 'alice', 'wrong');
  await login('alice');
});

test('nothing of a password or its hash is in the log', async () => {
  await scene.admin.putUser('alice');
  await scene.admin.client.hset(scene.admin.layout.user(null, 'broken'), {
    v: '1',
    hash: HASH,
    enabled: '1',
    groups: '[]',
    attributes: '{}',
    rules: 'canary-in-rules',
  });
  await login('alice');
  await refusedWith('20 03 00 86 00', '5.0', 'alice', 'canary-password');
  await refusedWith('20 03 00 88 00', '5.0', 'broken', PASSWORD);
  const log = broker.log.join('\n');
  for (const secret of [PASSWORD, 'canary-password', HASH, HASH.slice(-20), 'canary-in-rules']) assert.ok(!log.includes(secret));
});

function without(fields: Readonly<Record<string, string>>, name: string): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(fields).filter(([field]) => field !== name));
}

/** How many HMGET the server was asked. */
async function commands(): Promise<number> {
  const stats = await scene.admin.client.info('commandstats');
  return Number(/cmdstat_hmget:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}
