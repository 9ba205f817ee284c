import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { type FaultProxy, faultProxy, startTestBroker, type TestBroker, type TestClient } from '@portcullis/testing';
import plugin from './index.js';
import { Administrator, allow, PASSWORD, type RedisServer, redisBroker, startRedis } from './redis.test.support.js';

const HEALS_MS = 5000;

let server: RedisServer;
let admin: Administrator;
let broker: TestBroker;
let proxy: FaultProxy | null = null;

before(async () => {
  server = await startRedis();
  admin = new Administrator(server.url());
  await admin.putUser('alice', { rules: [allow('a')] });
  await admin.putUser('bob');
});

after(async () => {
  admin.close();
  await server.dispose();
});

afterEach(async () => {
  await broker.stop();
  await proxy?.close();
  proxy = null;
});

const FAST = { commandTimeoutMs: 200, heartbeatMs: 100 };

interface Answer {
  readonly hex: string;
  readonly ms: number;
}

/** The CONNACK that a login gets, and after how long. */
async function connack(protocol: '3.1.1' | '5.0', username = 'alice', password = PASSWORD): Promise<Answer> {
  const begun = performance.now();
  const client = await broker.client({ protocol });
  client.sendConnect({ username, password });
  const { hex } = await client.expectPacket((packet) => packet.type === 2);
  const ms = performance.now() - begun;
  client.close();
  return { hex: hex.replaceAll(' ', ''), ms };
}

async function isRefusedAsUnavailable(withinMs = 2500): Promise<void> {
  for (const [protocol, hex] of [
    ['3.1.1', '20020003'],
    ['5.0', '2003008800'],
  ] as const) {
    // Somebody who was never here: nothing of him can be in memory.
    const answer = await connack(protocol, 'bob');
    assert.equal(answer.hex, hex);
    assert.ok(answer.ms < withinMs, `the refusal took ${Math.round(answer.ms)} ms`);
  }
}

async function comesIn(): Promise<TestClient> {
  const client = await broker.client({ protocol: '5.0' });
  await client.connect({ username: 'alice', password: PASSWORD });
  return client;
}

async function heals(): Promise<void> {
  const begun = performance.now();
  for (;;) {
    const { hex } = await connack('5.0', 'alice');
    const ms = performance.now() - begun;
    if (hex.startsWith('200') && hex.slice(6, 8) === '00') return assert.ok(ms < HEALS_MS, `healthy after ${Math.round(ms)} ms`);
    assert.ok(ms < HEALS_MS, `not healthy after ${Math.round(ms)} ms`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function stale(): boolean {
  return broker.stats.get('plugin.plugin.pushStale') === 1;
}

for (const [how, end] of [
  ['stopped', () => server.stop()],
  ['killed', () => server.kill()],
] as const) {
  test(`a server that is ${how}: who comes is refused in time, who is there works on, and it heals by itself`, async () => {
    broker = await redisBroker(server.port, FAST);
    const alice = await comesIn();
    await end();
    try {
      await broker.until('the loss is known', stale);
      await isRefusedAsUnavailable();
      assert.equal(await alice.publish('a', 'x', { qos: 1 }), 0);
      assert.equal(await alice.publish('b', 'x', { qos: 1 }), 0x87);
      // The breaker, once open, refuses without asking.
      for (let times = 0; times < 12; times += 1) await connack('5.0', 'bob');
      assert.ok((await connack('5.0', 'bob')).ms < 500);
    } finally {
      await server.start();
    }
    await heals();
    await broker.until('changes are heard of', () => !stale());
    assert.equal(await alice.publish('a', 'x', { qos: 1 }), 0);
  });
}

test('a server that is frozen: everybody is refused in time, what it answers afterwards counts for nothing, and it heals', async () => {
  broker = await redisBroker(server.port, FAST);
  await comesIn();
  server.freeze();
  try {
    await isRefusedAsUnavailable();
    await broker.until('the silence is known', stale);
    // Also who could have been let in from memory: nobody would say that he was disabled.
    assert.equal((await connack('5.0', 'alice')).hex, '2003008800');
  } finally {
    server.thaw();
  }
  await heals();
  await broker.until('changes are heard of', () => !stale());
});

/** A server that does not answer, by a long time. */
const PATIENT = { commandTimeoutMs: 3000 };
const PATIENT_ENTRY = { timeoutMs: 9000 };

test('once the breaker is open, who comes is refused at once and Redis is not asked', async () => {
  broker = await redisBroker(server.port, PATIENT, { entries: { plugin: { ...PATIENT_ENTRY, breaker: { openMs: 60_000 } } } });
  await comesIn();
  server.freeze();
  try {
    const first = await Promise.all(Array.from({ length: 12 }, (_, number) => connack('5.0', `crowd-${number}`)));
    assert.deepEqual(new Set(first.map(({ hex }) => hex)), new Set(['2003008800']));
    for (const [protocol, hex] of [
      ['3.1.1', '20020003'],
      ['5.0', '2003008800'],
    ] as const) {
      const later = await connack(protocol, 'late');
      assert.equal(later.hex, hex);
      assert.ok(later.ms < PATIENT.commandTimeoutMs / 2, `the refusal took ${Math.round(later.ms)} ms`);
    }
  } finally {
    server.thaw();
  }
});

for (const [protocol, busy] of [
  ['3.1.1', '20020003'],
  ['5.0', '2003008900'],
] as const) {
  test(`who finds too many others waiting for Redis is refused as busy at once (${protocol})`, async () => {
    broker = await redisBroker(server.port, PATIENT, { entries: { plugin: { ...PATIENT_ENTRY, maxConcurrent: 2, maxQueue: 10 } } });
    await comesIn();
    server.freeze();
    try {
      const answers: string[] = [];
      const logins = Array.from({ length: 50 }, async (_, number) => void answers.push((await connack(protocol, `crowd-${number}`)).hex));
      await broker.until('those that are too many to be refused', () => answers.length >= 38);
      assert.deepEqual(new Set(answers.slice(0, 38)), new Set([busy]));
      server.thaw();
      await Promise.all(logins);
    } finally {
      server.thaw();
    }
    await heals();
  });
}

test('what was changed while the server could not be reached is in force when it is back', async () => {
  proxy = await faultProxy({ target: { port: server.port } });
  broker = await redisBroker(proxy.port, FAST);
  const alice = await comesIn();
  await proxy.set('refuse');
  await broker.until('the loss is known', stale);
  await admin.putUser('alice', { enabled: false });
  await proxy.set('pass');
  await alice.expectExpelled(0x87);
  assert.equal((await connack('5.0', 'alice')).hex, '2003008600');
  await admin.putUser('alice', { rules: [allow('a')] });
});

for (const mode of [
  'refuse',
  'blackhole',
  'garbage',
  { kind: 'reset', afterBytes: 30 },
  { kind: 'truncate', afterBytes: 30 },
  { kind: 'slow', bytesPerMs: 0.005 },
] as const) {
  const name = typeof mode === 'string' ? mode : mode.kind;
  test(`a connection that fails by "${name}" lets nobody in, and heals`, async () => {
    proxy = await faultProxy({ target: { port: server.port } });
    broker = await redisBroker(proxy.port, FAST);
    await comesIn();
    await proxy.set(mode);
    await isRefusedAsUnavailable();
    await proxy.set('pass');
    await heals();
    await broker.until('changes are heard of', () => !stale());
  });
}

test('a server that is down at start: refused as unavailable until it is there, without a restart', async () => {
  await server.stop();
  try {
    broker = await redisBroker(server.port, FAST);
    await isRefusedAsUnavailable(1000);
  } finally {
    await server.start();
  }
  await heals();
});

test('with "exit" a server that is down ends the start, in one clear line', async () => {
  await server.stop();
  const options = { plugin, config: { port: server.port }, chain: { authenticate: ['plugin'] }, clock: 'system' as const };
  try {
    const start = startTestBroker({ ...options, entries: { plugin: { startup: 'exit' } } });
    await assert.rejects(start, /Redis at 127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\)/);
  } finally {
    await server.start();
  }
  broker = await redisBroker(server.port);
});

test('when a lease ends while the server is down, the client goes', async () => {
  broker = await redisBroker(server.port, { ...FAST, leaseSeconds: 2 });
  const alice = await comesIn();
  await server.stop();
  try {
    await alice.expectExpelled(0x89);
  } finally {
    await server.start();
  }
});
