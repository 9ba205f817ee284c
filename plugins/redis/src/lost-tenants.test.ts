import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { definePlugin } from '@portcullis/sdk';
import { startTestBroker, type TestBroker, type TestClient } from '@portcullis/testing';
import plugin from './index.js';
import { Administrator, allow, PASSWORD, type RedisServer, redisBroker, type SampleRule, startRedis } from './redis.test.support.js';

/** Lets everybody in as who they say they are, and allows everything. */
const other = definePlugin({
  name: 'other',
  sdk: '^1.0.0',
  decides: { authenticate: ['allow'], refreshIdentity: ['allow'] },
  config: { type: 'object', additionalProperties: false, properties: {} },
  start({ hooks }) {
    hooks.authenticate.tap(({ credentials: { username } }, decide) => decide.allow({ identity: { username: username ?? 'nobody' } }));
    hooks.refreshIdentity.tap((_, decide) => decide.allow({}));
    hooks.loadPolicy.tap((_, give) => give.policy({ version: 1, rules: [{ ...allow('#'), from: 'other' } as never] }));
  },
});

const FAST = { commandTimeoutMs: 300, heartbeatMs: 100 };
const DENIES: SampleRule = { effect: 'deny', actions: ['publish', 'subscribe', 'receive'], pattern: 'secret/#' };

let server: RedisServer;
let admin: Administrator;
let broker: TestBroker | null = null;

afterEach(async () => {
  await broker?.stop();
  broker = null;
  admin.close();
  await server.dispose();
});

async function started(options: Parameters<typeof startRedis>[0] = {}): Promise<void> {
  server = await startRedis(options);
  admin = new Administrator(server.url());
}

/** Another plugin lets everybody in and allows everything; Redis only takes away. */
async function denyingBroker(config: Readonly<Record<string, unknown>> = {}): Promise<TestBroker> {
  broker = await startTestBroker({
    plugins: { other, rights: plugin },
    entries: { rights: { config: { port: server.port, ...FAST, ...config } } },
    chain: { authenticate: ['other'], authorize: ['other', 'rights'] },
    clock: 'system',
  });
  return broker;
}

/** The CONNACK that a login gets: its return or reason code. */
async function codeOf(username: string, protocol: '3.1.1' | '5.0' = '5.0', listener?: string): Promise<number> {
  assert.ok(broker !== null);
  const client = await broker.client({ protocol, ...(listener !== undefined && { listener }) });
  client.sendConnect({ username, password: PASSWORD });
  const { code } = await client.expectPacket((packet) => packet.type === 2);
  client.close();
  return code ?? -1;
}

async function becomes(username: string, code: number): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (let now = -1; now !== code; ) {
    now = await codeOf(username);
    assert.ok(Date.now() < deadline, `CONNACK for ${username} becomes ${code}, is ${now}`);
  }
}

async function login(username: string): Promise<TestClient> {
  assert.ok(broker !== null);
  const client = await broker.client({ protocol: '5.0' });
  await client.connect({ username, password: PASSWORD });
  return client;
}

async function publishes(client: TestClient, topic: string): Promise<number | null> {
  return await client.publish(topic, 'x', { qos: 1 });
}

test('a server that comes back empty takes back nothing that it denied: who comes is refused, who is there keeps his rights', async () => {
  await started({ config: { appendonly: 'no', save: '' } });
  await admin.putGroup('', [DENIES]);
  const first = await denyingBroker();
  const ann = await login('ann');
  assert.equal(await publishes(ann, 'secret/a'), 0x87);
  await server.kill();
  await server.start();
  await first.logged(/\{-\}:epoch and .*\{-\}:version are not both there.*"portcullis-redis restored"/);
  for (let times = 0; times < 15; times += 1) {
    assert.equal(await codeOf(`new-${times}`), 0x88);
    assert.equal(await codeOf(`new-${times}`, '3.1.1'), 3);
    assert.equal(await publishes(ann, 'secret/a'), 0x87);
    assert.equal(await publishes(ann, 'free/a'), 0);
  }
  // Also a broker that has never seen that there was something.
  await first.stop();
  await denyingBroker();
  assert.equal(await codeOf('bob'), 0x88);
  // What is written is known again.
  await admin.putGroup('', [DENIES]);
  await becomes('bob', 0);
  const bob = await login('bob');
  assert.equal(await publishes(bob, 'secret/a'), 0x87);
  assert.equal(await publishes(bob, 'free/a'), 0);
});

test('who is there when the data is lost is judged anew by what is written then', async () => {
  await started();
  await admin.putGroup('', [DENIES]);
  await denyingBroker();
  const ann = await login('ann');
  await server.command('FLUSHALL');
  await becomes('new', 0x88);
  await admin.putGroup('', [{ ...DENIES, pattern: 'free/#' }]);
  const deadline = Date.now() + 10_000;
  while ((await publishes(ann, 'free/a')) !== 0x87) assert.ok(Date.now() < deadline, 'the new denial holds');
  assert.equal(await publishes(ann, 'secret/a'), 0);
});

test('when the lease of who is there ends before the data is back, he goes', async () => {
  await started();
  await admin.putGroup('', [DENIES]);
  await denyingBroker({ leaseSeconds: 2 });
  const ann = await login('ann');
  await server.command('FLUSHALL');
  await ann.expectExpelled(0x89);
  assert.equal(await codeOf('ann'), 0x88);
});

test('users that are kept in memory are refused as soon as a beat has seen the loss, and come in when the data is restored', async () => {
  await started();
  await admin.putUser('alice', { rules: [allow('a')] });
  broker = await redisBroker(server.port, FAST);
  const alice = await login('alice');
  const keys = ['version', 'epoch', 'user:alice'].map((key) => `portcullis:{-}:${key}`);
  for (const key of keys) await server.command('MOVE', key, '1');
  await becomes('alice', 0x88);
  assert.equal(await codeOf('alice', '3.1.1'), 3);
  assert.equal(await codeOf('stranger'), 0x88, 'not a wrong password: nobody knows who is there');
  assert.equal(await publishes(alice, 'a'), 0);
  await admin.client.select(1);
  for (const key of keys.reverse()) await admin.client.move(key, 0);
  await admin.client.select(0);
  await becomes('alice', 0);
  assert.equal(await publishes(alice, 'a'), 0);
  assert.equal(broker.stats.get('plugin.plugin.lostTenants'), 0);
  assert.equal(broker.stats.get('plugin.plugin.disconnected') ?? 0, 0);
});

test('a question that finds the loss before a beat does ends what is kept in memory, too', async () => {
  await started();
  await admin.putUser('alice');
  broker = await redisBroker(server.port, { heartbeatMs: 60_000 });
  await login('alice');
  await server.command('FLUSHALL');
  assert.equal(await codeOf('alice'), 0, 'nobody can know of it yet');
  assert.equal(await codeOf('stranger'), 0x88);
  await becomes('alice', 0x88);
});

for (const gone of ['epoch', 'version'] as const) {
  test(`a tenant whose ${gone} alone is gone is lost as well`, async () => {
    await started();
    await admin.putUser('alice');
    broker = await redisBroker(server.port, FAST);
    await login('alice');
    await admin.client.del(`portcullis:{-}:${gone}`);
    await becomes('alice', 0x88);
    assert.equal(await codeOf('stranger'), 0x88);
    await admin.beginEpoch();
    await becomes('alice', 0);
    assert.equal(await codeOf('stranger'), 0x86);
  });
}

test('a lost tenant neither opens the breaker nor disturbs another tenant, however many come', async () => {
  await started();
  const listeners = Object.fromEntries(['acme', 'umbrella'].map((tenant) => [tenant, { url: 'mqtt://127.0.0.1:0', chain: 'default', tenant }]));
  broker = await redisBroker(server.port, FAST, { document: { listeners, tenants: { acme: {}, umbrella: {} } } });
  await admin.putUser('alice', {}, 'acme');
  await admin.putUser('alice', {}, 'umbrella');
  assert.equal(await codeOf('alice', '5.0', 'acme'), 0);
  await admin.client.del(...(await admin.client.keys('portcullis:{acme}:*')));
  for (let times = 0; times < 20; times += 1) await codeOf(`user-${times}`, '5.0', 'acme');
  await broker.logged(/\{acme\}:epoch and .*restored --tenant acme"/);
  for (let times = 0; times < 20; times += 1) assert.equal(await codeOf(`user-${times}`, '5.0', 'acme'), 0x88);
  assert.equal(await codeOf('alice', '5.0', 'umbrella'), 0);
  assert.equal(await codeOf('stranger', '5.0', 'umbrella'), 0x86);
  assert.equal(broker.stats.get('plugin.plugin.lostTenants'), 1);
  assert.equal(broker.log.filter((line) => / error portcullis:.* are not both there/.test(line)).length, 1);
});

test('a server to which nothing was ever written lets nobody in until somebody has said that nothing is missing', async () => {
  await started();
  await denyingBroker();
  assert.equal(await codeOf('ann'), 0x88);
  assert.equal(await codeOf('ann', '3.1.1'), 3);
  await admin.beginEpoch();
  const ann = await login('ann');
  assert.equal(await publishes(ann, 'free/a'), 0);
});
