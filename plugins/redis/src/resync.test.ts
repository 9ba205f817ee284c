import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { definePlugin } from '@portcullis/sdk';
import { startTestBroker, type TestBroker, type TestClient } from '@portcullis/testing';
import plugin from './index.js';
import { allow, PASSWORD, redisBroker, redisScene } from './redis.test.support.js';

/** Knows one user whom Redis does not know. */
const other = definePlugin({
  name: 'other',
  sdk: '^1.0.0',
  decides: { authenticate: ['allow', 'skip'], refreshIdentity: ['allow'] },
  config: { type: 'object', additionalProperties: false, properties: {} },
  start({ hooks }) {
    hooks.authenticate.tap(({ credentials: { username } }, decide) =>
      username === 'stranger' ? decide.allow({ identity: { username } }) : decide.skip(),
    );
    hooks.refreshIdentity.tap((_, decide) => decide.allow({}));
  },
});

const scene = redisScene();
let broker: TestBroker;

afterEach(() => broker.stop());

function metric(name: string, entry = 'plugin'): number {
  return broker.stats.get(`plugin.${entry}.${name}`) ?? 0;
}

async function login(username: string, listener?: string): Promise<TestClient> {
  const client = await broker.client({ protocol: '5.0', ...(listener !== undefined && { listener }) });
  await client.connect({ username, password: PASSWORD });
  return client;
}

/** Changes a field of a user and both versions, and tells nobody. */
async function silently(name: string, tenant: string | null, field: string, value: string): Promise<void> {
  const version = await scene.admin.client.incr(scene.admin.layout.version(tenant));
  await scene.admin.client.hset(scene.admin.layout.user(tenant, name), { [field]: value, v: String(version) });
}

test('whom another authority has let in stays when the channel was lost, and who was deleted meanwhile does not', async () => {
  broker = await startTestBroker({
    plugins: { other, users: plugin },
    entries: { users: { config: { port: scene.server.port, heartbeatMs: 100 } } },
    chain: { authenticate: ['other', 'users'], authorize: ['users'] },
    clock: 'system',
  });
  await scene.admin.putGroup('', [allow('all')]);
  await scene.admin.putUser('alice');
  const [stranger, alice] = [await login('stranger'), await login('alice')];
  assert.equal(await stranger.publish('all', 'x', { qos: 1 }), 0);
  await scene.admin.client.call('ACL', 'SETUSER', 'default', 'resetchannels');
  try {
    await scene.server.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await broker.until('the loss is known', () => metric('pushStale', 'users') === 1);
    await scene.admin.client.incr(scene.admin.layout.version(null));
    await scene.admin.client.del(scene.admin.layout.user(null, 'alice'));
    await alice.expectExpelled(0x87);
  } finally {
    await scene.admin.client.call('ACL', 'SETUSER', 'default', 'allchannels');
  }
  await broker.until('changes are heard of again', () => metric('pushStale', 'users') === 0);
  assert.equal(await stranger.publish('all', 'x', { qos: 1 }), 0);
  assert.equal(metric('disconnected', 'users'), 1);
});

test('a tenant whose version is none is refused, and keeps no change of another tenant from being found', async () => {
  const listeners = Object.fromEntries(['acme', 'umbrella'].map((tenant) => [tenant, { url: 'mqtt://127.0.0.1:0', chain: 'default', tenant }]));
  broker = await redisBroker(scene.server.port, { heartbeatMs: 100 }, { document: { listeners, tenants: { acme: {}, umbrella: {} } } });
  for (const tenant of ['acme', 'umbrella']) {
    await scene.admin.beginEpoch(tenant);
    await scene.admin.putUser('alice', {}, tenant);
  }
  const [broken, sound] = [await login('alice', 'acme'), await login('alice', 'umbrella')];
  await scene.admin.client.set(scene.admin.layout.version('acme'), 'many');
  await broken.expectExpelled(0x89);
  const late = await broker.client({ protocol: '5.0', listener: 'acme' });
  assert.equal(await late.connectRefused({ username: 'alice', password: PASSWORD }), 0x88);
  assert.equal(metric('pushStale'), 0);
  await silently('alice', 'umbrella', 'enabled', '0');
  await sound.expectExpelled(0x87);
  await scene.admin.client.set(scene.admin.layout.version('acme'), '5');
  const deadline = Date.now() + 5000;
  for (let code: number | null = null; code !== 0; ) {
    assert.ok(Date.now() < deadline, 'the tenant is served again');
    const client = await broker.client({ protocol: '5.0', listener: 'acme' });
    client.sendConnect({ username: 'alice', password: PASSWORD });
    ({ code } = await client.expectPacket());
  }
});

test('a user whose key is of another type keeps no change of other users from being found', async () => {
  broker = await redisBroker(scene.server.port, { heartbeatMs: 100 });
  for (const name of ['alice', 'bob']) await scene.admin.putUser(name);
  const [alice, bob] = [await login('alice'), await login('bob')];
  await scene.admin.client.set(scene.admin.layout.user(null, 'alice'), 'text');
  await silently('bob', null, 'enabled', '0');
  await bob.expectExpelled(0x87);
  await alice.expectExpelled(0x89);
});
