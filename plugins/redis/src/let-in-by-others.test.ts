import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { definePlugin } from '@portcullis/sdk';
import { startTestBroker, type TestBroker, type TestClient } from '@portcullis/testing';
import plugin from './index.js';
import { allow, OTHER_HASH, redisScene } from './redis.test.support.js';

/** Lets everybody in as who they say they are, and allows everything. */
const trusting = definePlugin({
  name: 'trusting',
  sdk: '^1.0.0',
  decides: { authenticate: ['allow'] },
  config: { type: 'object', additionalProperties: false, properties: {} },
  start({ hooks }) {
    hooks.authenticate.tap(({ credentials: { username } }, decide) =>
      decide.allow({ identity: username === null ? { anonymous: true } : { username } }),
    );
    hooks.loadPolicy.tap((_, give) =>
      give.policy({ version: 1, rules: [{ effect: 'allow', actions: ['publish'], pattern: 'free/#', from: 'trusting' }] }),
    );
  },
});

const scene = redisScene();
let broker: TestBroker;

beforeEach(async () => {
  broker = await startTestBroker({
    plugins: { trusting, users: plugin },
    entries: { users: { config: { port: scene.server.port } } },
    chain: { authenticate: ['trusting'], authorize: ['trusting', 'users'] },
    clock: 'system',
  });
});

afterEach(() => broker.stop());

async function login(username?: string): Promise<TestClient> {
  const client = await broker.client({ protocol: '5.0' });
  await client.connect(username === undefined ? {} : { username });
  return client;
}

async function becomes(client: TestClient, topic: string, code: number): Promise<void> {
  const deadline = Date.now() + 5000;
  while ((await client.publish(topic, 'x', { qos: 1 })) !== code) assert.ok(Date.now() < deadline, `publish to ${topic} becomes ${code}`);
}

test('whom Redis does not know has the rights of everybody, and loses them like everybody', async () => {
  await scene.admin.putGroup('', [allow('all/#')]);
  for (const client of [await login(), await login('stranger')]) {
    await becomes(client, 'all/x', 0);
    assert.equal(await client.publish('other', 'x', { qos: 1 }), 0x87);
    assert.equal(await client.publish('free/x', 'x', { qos: 1 }), 0);
    await scene.admin.putGroup('', [{ effect: 'deny', actions: ['publish'], pattern: 'free/#' }]);
    await becomes(client, 'all/x', 0x87);
    assert.equal(await client.publish('free/x', 'x', { qos: 1 }), 0x87);
    await scene.admin.putGroup('', [allow('all/#')]);
  }
});

test('who is disabled in Redis may do nothing, whoever has let him in', async () => {
  await scene.admin.putUser('alice', { hash: '', rules: [allow('a')] });
  const alice = await login('alice');
  assert.equal(await alice.publish('a', 'x', { qos: 1 }), 0);
  await scene.admin.putUser('alice', { hash: '', enabled: false, rules: [allow('a')] });
  await alice.expectExpelled(0x87);
  const again = await login('alice');
  for (const topic of ['a', 'free/x']) assert.equal(await again.publish(topic, 'x', { qos: 1 }), 0x87);
  await scene.admin.putUser('alice', { hash: '', rules: [allow('b')] });
  await becomes(again, 'b', 0);
  assert.equal(await again.publish('free/x', 'x', { qos: 1 }), 0);
});

test('a user that appears in Redis while it is connected has its rights at once', async () => {
  const carol = await login('carol');
  assert.equal(await carol.publish('a', 'x', { qos: 1 }), 0x87);
  await scene.admin.putUser('carol', { hash: '', rules: [allow('a')] });
  await becomes(carol, 'a', 0);
  await scene.admin.putUser('carol', { hash: OTHER_HASH, rules: [allow('a')] });
  await carol.expectExpelled(0x87);
});
