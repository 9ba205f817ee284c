import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { TestBroker, TestClient } from '@portcullis/testing';
import { allow, OTHER_HASH, PASSWORD, redisBroker, redisScene } from './redis.test.support.js';

const scene = redisScene();
let broker: TestBroker;

afterEach(() => broker.stop());

async function login(username: string): Promise<TestClient> {
  const client = await broker.client({ protocol: '5.0' });
  await client.connect({ username, password: PASSWORD });
  return client;
}

test('a lease that ends confirms who still stands, and rights are read anew', async () => {
  broker = await redisBroker(scene.server.port, { leaseSeconds: 1 });
  await scene.admin.putUser('alice', { rules: [allow('a')] });
  const alice = await login('alice');
  const before = await reads();
  const deadline = Date.now() + 5000;
  while ((await reads()) - before < 2) assert.ok(Date.now() < deadline, 'the user is read again');
  assert.equal(await alice.publish('a', 'x', { qos: 1 }), 0);
});

test('a password that changes while the configuration is replaced ends the session of who knew the old one', async () => {
  broker = await redisBroker(scene.server.port);
  await scene.admin.putUser('alice');
  const alice = await login('alice');
  await scene.admin.client.call('ACL', 'SETUSER', 'default', 'resetchannels');
  try {
    await scene.server.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await scene.admin.client.call('ACL', 'SETUSER', 'default', 'allchannels');
    await scene.admin.putUser('alice', { hash: OTHER_HASH });
    await broker.reconfigure({ port: scene.server.port, leaseSeconds: 200 });
    await alice.expectExpelled(0x87);
  } finally {
    await scene.admin.client.call('ACL', 'SETUSER', 'default', 'allchannels');
  }
});

test('a user that becomes malformed is disconnected as one that cannot be confirmed, the others stay', async () => {
  broker = await redisBroker(scene.server.port);
  await scene.admin.putUser('alice');
  await scene.admin.putUser('bob');
  const alice = await login('alice');
  const bob = await login('bob');
  await scene.admin.client.hset(scene.admin.layout.user(null, 'alice'), 'enabled', 'maybe');
  await scene.admin.client.publish(scene.admin.layout.channel, '{"v":3,"kind":"user","tenant":"","name":"alice"}');
  await alice.expectExpelled(0x89);
  await bob.publish('x', 'x', { qos: 1 });
});

test('two hundred users that change at once are all looked at', async () => {
  broker = await redisBroker(scene.server.port);
  const names = Array.from({ length: 200 }, (_, index) => `user-${index}`);
  for (const name of names) await scene.admin.putUser(name, { rules: [allow('a')] });
  const clients = await Promise.all(names.map(login));
  await Promise.all(names.map((name) => scene.admin.putUser(name, { enabled: false })));
  for (const client of clients) await client.expectExpelled(0x87);
  assert.equal(broker.stats.get('plugin.plugin.disconnected'), names.length);
});

test('a group that many are in is read once, and its members share its rules', async () => {
  broker = await redisBroker(scene.server.port);
  await scene.admin.putGroup('crew', [allow('crew/#')]);
  const names = Array.from({ length: 50 }, (_, index) => `user-${index}`);
  for (const name of names) await scene.admin.putUser(name, { groups: ['crew'] });
  const before = await reads();
  const clients = await Promise.all(names.map(login));
  // One for each user, one for the group: everybody has no key, and users without a session are not read because they changed.
  assert.equal((await reads()) - before, names.length + 1);
  for (const client of clients) assert.equal(await client.publish('crew/x', 'x', { qos: 1 }), 0);
});

async function reads(): Promise<number> {
  return Number(/cmdstat_hmget:calls=(\d+)/.exec(await scene.admin.client.info('commandstats'))?.[1] ?? 0);
}
