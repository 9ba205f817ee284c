import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { TestBroker, TestClient } from '@portcullis/testing';
import { allow, OTHER_HASH, OTHER_PASSWORD, PASSWORD, redisBroker, redisScene } from './redis.test.support.js';

const CONNACK = 2;

const scene = redisScene();
let broker: TestBroker;

beforeEach(async () => {
  // A beat that does not come: what is seen here is what the channel said, unless a test asks for more.
  broker = await redisBroker(scene.server.port, { heartbeatMs: 60_000 });
});

afterEach(() => broker.stop());

async function login(username: string, protocol: '3.1.1' | '5.0' = '5.0', password = PASSWORD): Promise<TestClient> {
  const client = await broker.client({ protocol });
  await client.connect({ username, password });
  return client;
}

function metric(name: string): number {
  return broker.stats.get(`plugin.plugin.${name}`) ?? 0;
}

async function mayPublish(client: TestClient, topic: string): Promise<boolean> {
  return (await client.publish(topic, 'x', { qos: 1 })) === 0;
}

/** Waits until a right is there or gone, by trying. */
async function becomes(client: TestClient, topic: string, allowed: boolean, waitMs = 5000): Promise<void> {
  const deadline = Date.now() + waitMs;
  while ((await mayPublish(client, topic)) !== allowed) assert.ok(Date.now() < deadline, `publish to ${topic} becomes ${allowed}`);
}

test('a user that is disabled, deleted or given another password is disconnected at once, on every version', async () => {
  const changes: Readonly<Record<string, (name: string) => Promise<number>>> = {
    disabled: (name) => scene.admin.putUser(name, { enabled: false }),
    deleted: (name) => scene.admin.deleteUser(name),
    repassworded: (name) => scene.admin.putUser(name, { hash: OTHER_HASH }),
    moved: (name) => scene.admin.putUser(name, { attributes: { site: 'south' } }),
  };
  await scene.admin.putUser('bystander');
  const bystander = await login('bystander');
  for (const [name, change] of Object.entries(changes)) {
    await scene.admin.putUser(name, { attributes: { site: 'north' } });
    const old = await login(name, '3.1.1');
    const young = await login(name, '5.0');
    await change(name);
    await young.expectPacket('e0 01 87');
    await young.expectClosed();
    await old.expectClosed();
  }
  await bystander.send('c0 00');
  await bystander.expectPacket('d0 00');
});

test('a rule that is added or taken away holds for live clients, and nobody is disconnected for it', async () => {
  await scene.admin.putUser('alice', { rules: [allow('a')] });
  const alice = await login('alice');
  assert.ok(await mayPublish(alice, 'a'));
  assert.ok(!(await mayPublish(alice, 'b')));
  await scene.admin.putUser('alice', { rules: [allow('b')] });
  await becomes(alice, 'b', true);
  assert.ok(!(await mayPublish(alice, 'a')));
});

test('a group that changes, is left or joined, and the rules of everybody, hold for live clients', async () => {
  await scene.admin.putGroup('g', [allow('g')]);
  await scene.admin.putUser('alice', { groups: ['g'] });
  const alice = await login('alice');
  assert.ok(await mayPublish(alice, 'g'));
  await scene.admin.putGroup('g', [allow('other')]);
  await becomes(alice, 'g', false);
  assert.ok(await mayPublish(alice, 'other'));
  await scene.admin.putUser('alice', { groups: [] });
  await becomes(alice, 'other', false);
  await scene.admin.putGroup('', [allow('all')]);
  await becomes(alice, 'all', true);
  await scene.admin.putGroup('', [allow('all'), { effect: 'deny', actions: ['publish'], pattern: 'all' }]);
  await becomes(alice, 'all', false);
});

test('a user that is taken away between the question and the answer does not come in', async () => {
  await scene.admin.putUser('alice');
  await login('alice');
  for (let round = 0; round < 20; round += 1) {
    const client = await broker.client({ protocol: '5.0' });
    client.sendConnect({ username: 'alice', password: PASSWORD });
    await scene.admin.putUser('alice', { enabled: false });
    // Refused, or in and out again: never in.
    const first = await client.expectPacket();
    assert.equal(first.type, CONNACK);
    if (first.code === 0) await client.expectExpelled(0x87);
    else await client.expectClosed();
    await scene.admin.putUser('alice');
  }
});

test('a load that was under way when its user changed is not what counts', async () => {
  await scene.admin.putUser('alice', { rules: [allow('round/0')] });
  const alice = await login('alice');
  for (let round = 1; round <= 30; round += 1) {
    // Two changes on each other's heels: the load that the first began may answer after the second was made.
    await Promise.all([scene.admin.client.ping(), scene.admin.putUser('alice', { rules: [allow('in-between')] })]);
    await scene.admin.putUser('alice', { rules: [allow(`round/${round}`)] });
    await becomes(alice, `round/${round}`, true);
    assert.ok(!(await mayPublish(alice, 'in-between')));
    assert.ok(!(await mayPublish(alice, `round/${round - 1}`)));
  }
});

test('a change that nobody was told of is found at the second beat', async () => {
  await broker.stop();
  broker = await redisBroker(scene.server.port, { heartbeatMs: 100 });
  await scene.admin.putUser('alice', { rules: [allow('a')] });
  await scene.admin.putUser('bob');
  const alice = await login('alice');
  const bob = await login('bob', '3.1.1');
  assert.ok(await mayPublish(alice, 'a'));
  await silently('alice', { rules: '[]' });
  await silently('bob', { enabled: '0' });
  await becomes(alice, 'a', false);
  await bob.expectClosed();
  assert.ok(metric('lostChanges') > 0);
  assert.equal(metric('pushStale'), 0);
});

test('while the channel is cut nothing is used from memory, changes are found by the beat, and it heals', async () => {
  await broker.stop();
  broker = await redisBroker(scene.server.port, { heartbeatMs: 100 });
  await scene.admin.putUser('alice', { rules: [allow('a')] });
  const alice = await login('alice');
  await scene.admin.client.call('ACL', 'SETUSER', 'default', 'resetchannels');
  try {
    await scene.server.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await broker.until('the loss is known', () => metric('pushStale') === 1);
    await silently('alice', { rules: '[]' });
    await becomes(alice, 'a', false);
    assert.equal(metric('pushStale'), 1);
    await silently('alice', { enabled: '0' });
    await alice.expectExpelled(0x87);
    const late = await broker.client({ protocol: '5.0' });
    assert.equal(await late.connectRefused({ username: 'alice', password: PASSWORD }), 0x86);
  } finally {
    await scene.admin.client.call('ACL', 'SETUSER', 'default', 'allchannels');
  }
  await broker.until('changes are heard of again', () => metric('pushStale') === 0);
});

test('messages that are no change, and numbers that are not the next one, change nothing but cause a look', async () => {
  await scene.admin.putUser('alice', { rules: [allow('a')] });
  const alice = await login('alice');
  for (const message of [
    '',
    'x',
    '{}',
    '{"v":1e99,"kind":"user"}',
    '{"v":9007199254740991,"kind":"user","tenant":"","name":"alice"}',
    '{"kind":"probe"}',
  ]) {
    await scene.admin.client.publish(scene.admin.layout.channel, message);
  }
  await scene.admin.putUser('alice', { rules: [allow('b')] });
  await becomes(alice, 'b', true);
  const again = await login('alice');
  assert.ok(await mayPublish(again, 'b'));
  assert.equal(metric('badMessages'), 4);
});

test('tenants share nothing: the same name is another user', async () => {
  await broker.stop();
  const listener = { url: 'mqtt://127.0.0.1:0', chain: 'default', tenant: 'acme' };
  broker = await redisBroker(scene.server.port, {}, { document: { listeners: { acme: listener }, tenants: { acme: {} } } });
  await scene.admin.putUser('alice', { rules: [allow('a')] });
  await scene.admin.putUser('alice', { hash: OTHER_HASH, rules: [allow('b')] }, 'acme');
  const ours = await login('alice');
  const theirs = await broker.client({ protocol: '5.0', listener: 'acme' });
  await theirs.connect({ username: 'alice', password: OTHER_PASSWORD });
  assert.deepEqual([await mayPublish(ours, 'a'), await mayPublish(ours, 'b')], [true, false]);
  assert.deepEqual([await mayPublish(theirs, 'a'), await mayPublish(theirs, 'b')], [false, true]);
  await scene.admin.deleteUser('alice', 'acme');
  await theirs.expectPacket('e0 01 87');
  assert.ok(await mayPublish(ours, 'a'));
});

/** Changes fields of a user and both versions, as an own program might that forgets the channel. */
async function silently(name: string, fields: Readonly<Record<string, string>>): Promise<void> {
  const version = await scene.admin.client.incr(scene.admin.layout.version(null));
  await scene.admin.client.hset(scene.admin.layout.user(null, name), { ...fields, v: String(version) });
}
