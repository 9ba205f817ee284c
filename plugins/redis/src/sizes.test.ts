import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { TestBroker, TestClient } from '@portcullis/testing';
import { allow, HASH, PASSWORD, redisBroker, redisScene } from './redis.test.support.js';

/** What is put where it does not belong, and much less that Redis may send meanwhile. */
const HUGE_BYTES = 8_000_000;
const FEW_BYTES = 1_000_000;
const GOOD = { v: '1', hash: HASH, enabled: '1', groups: '[]', attributes: '{}', rules: '[]' };

const scene = redisScene();
let broker: TestBroker;

beforeEach(async () => {
  broker = await redisBroker(scene.server.port, { heartbeatMs: 100 });
  await scene.admin.putUser('alice');
});

afterEach(() => broker.stop());

async function fill(key: string, field: string): Promise<void> {
  const script = `redis.call('HSET', KEYS[1], ARGV[1], string.rep('x', ${HUGE_BYTES}))`;
  await scene.admin.client.eval(script, 1, key, field);
}

async function sent(): Promise<number> {
  return Number(/total_net_output_bytes:(\d+)/.exec(await scene.admin.client.info('stats'))?.[1]);
}

async function login(username: string): Promise<TestClient> {
  const client = await broker.client({ protocol: '5.0' });
  await client.connect({ username, password: PASSWORD });
  return client;
}

async function refusedWith(connack: string, protocol: '3.1.1' | '5.0', username: string): Promise<void> {
  const client = await broker.client({ protocol });
  client.sendConnect({ username, password: PASSWORD });
  await client.expectPacket(connack);
  await client.expectClosed();
}

for (const field of [...Object.keys(GOOD), 'deleted', 'unknown']) {
  test(`a user whose field "${field}" is huge is refused without that it is read, and everybody else comes in`, async () => {
    const key = scene.admin.layout.user(null, 'huge');
    await scene.admin.client.hset(key, GOOD);
    await fill(key, field);
    const before = await sent();
    // More than the faults that open a breaker.
    for (let times = 0; times < 8; times += 1) {
      await refusedWith('20 02 00 03', '3.1.1', 'huge');
      await refusedWith('20 03 00 88 00', '5.0', 'huge');
    }
    await login('alice');
    await refusedWith('20 03 00 86 00', '5.0', 'stranger');
    assert.ok((await sent()) - before < FEW_BYTES, 'nothing of it is read');
  });
}

test('a group whose rules are huge, or that has a huge field more, is a fault for its members only', async () => {
  const { client, layout } = scene.admin;
  for (const [group, field] of [
    ['rules', 'rules'],
    ['more', 'unknown'],
  ] as const) {
    await scene.admin.putGroup(group, []);
    await fill(layout.group(null, group), field);
    await scene.admin.putUser(`in-${group}`, { groups: [group] });
    const before = await sent();
    for (let times = 0; times < 15; times += 1) await refusedWith('20 03 00 88 00', '5.0', `in-${group}`);
    await login('alice');
    assert.ok((await sent()) - before < FEW_BYTES, 'nothing of it is read');
    await client.del(layout.group(null, group));
  }
});

for (const name of ['version', 'epoch'] as const) {
  test(`a tenant whose ${name} is huge is refused without that it is read, and other tenants come in`, async () => {
    await broker.stop();
    const listener = { url: 'mqtt://127.0.0.1:0', chain: 'default', tenant: 'acme' };
    broker = await redisBroker(scene.server.port, { heartbeatMs: 100 }, { document: { listeners: { acme: listener }, tenants: { acme: {} } } });
    await scene.admin.putUser('bob', {}, 'acme');
    const bob = await broker.client({ protocol: '5.0', listener: 'acme' });
    await bob.connect({ username: 'bob', password: PASSWORD });
    const before = await sent();
    await scene.admin.client.eval(`redis.call('SET', KEYS[1], string.rep('x', ${HUGE_BYTES}))`, 1, scene.admin.layout[name]('acme'));
    await bob.expectExpelled(0x89);
    for (let times = 0; times < 15; times += 1) {
      const late = await broker.client({ protocol: '5.0', listener: 'acme' });
      assert.equal(await late.connectRefused({ username: 'bob', password: PASSWORD }), 0x88);
    }
    await login('alice');
    assert.ok((await sent()) - before < FEW_BYTES, 'nothing of it is read');
  });
}

test('a user with a session whose version becomes huge goes, and it is not read when all are looked at again', async () => {
  await scene.admin.putUser('huge');
  const [huge, alice] = [await login('huge'), await login('alice')];
  await fill(scene.admin.layout.user(null, 'huge'), 'v');
  const before = await sent();
  await scene.admin.client.incr(scene.admin.layout.version(null));
  await huge.expectExpelled(0x89);
  await alice.publish('x', 'x', { qos: 1 });
  assert.ok((await sent()) - before < FEW_BYTES, 'nothing of it is read');
});

test('a user is read in two round trips, and messages ask Redis nothing', async () => {
  await broker.stop();
  broker = await redisBroker(scene.server.port, { heartbeatMs: 60_000 });
  await scene.admin.putUser('bob', { rules: [allow('a/#')] });
  await login('alice');
  const execs = await calls('exec');
  const bob = await login('bob');
  assert.equal((await calls('exec')) - execs, 2);
  assert.equal(await bob.subscribe('a/#', 1), 1);
  const before = await allCalls();
  for (let number = 0; number < 200; number += 1) assert.equal(await bob.publish(`a/${number}`, 'x', { qos: 1 }), 0);
  for (let number = 0; number < 20; number += 1) assert.equal(await bob.publish(`b/${number}`, 'x', { qos: 1 }), 0x87);
  // The questions of this test itself, and a sign of life that a machine under load may see.
  assert.ok((await allCalls()) - before <= 5);
});

async function calls(command: string): Promise<number> {
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(await scene.admin.client.info('commandstats'))?.[1] ?? 0);
}

async function allCalls(): Promise<number> {
  return Number(/total_commands_processed:(\d+)/.exec(await scene.admin.client.info('stats'))?.[1]);
}
