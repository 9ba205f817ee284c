import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type BrokerHooks, definePlugin, type PluginContext } from '@portcullis/sdk';
import { startTestBroker, type TestBroker } from '@portcullis/testing';
import { makePlugin } from './plugin.js';

/** Lets everybody in whose password is `right`; without one nobody is asked about, and `down` has a backend that is. */
const users = definePlugin({
  name: 'users',
  sdk: '^1.0.0',
  taps: ['authenticate'],
  decides: { authenticate: ['allow', 'deny'] },
  config: { type: 'object', additionalProperties: false, properties: {} },
  start({ hooks }) {
    hooks.authenticate.tap(({ credentials }, decide) => {
      if (credentials.username === 'down') throw new Error('the backend is down');
      if (!credentials.equals('right') || credentials.username === null) return decide.deny('bad-credentials');
      return decide.allow({ identity: { username: credentials.username } });
    });
  },
});

const MANY = { perSecond: 1000, burst: 1000 };

describe('rate-limit in a broker', () => {
  let now: number;
  let broker: TestBroker | null;

  beforeEach(() => {
    now = 0;
    broker = null;
  });

  afterEach(() => broker?.stop());

  async function start(config: object): Promise<TestBroker> {
    broker = await startTestBroker({
      plugins: { plugin: makePlugin(() => now), users },
      config: { ...config },
    });
    return broker;
  }

  /** Code of the CONNACK that a login gets. */
  async function login(running: TestBroker, protocol: '3.1.1' | '5.0', password: string, username = 'ann', clientId?: string): Promise<number> {
    const client = await running.client({ protocol });
    client.sendConnect({ username, password, ...(clientId !== undefined && { clientId }) });
    const connack = await client.expectPacket();
    if (connack.code === 0) await client.disconnect();
    return connack.code ?? -1;
  }

  test('too many connects of an address are refused as rate, 3 and 0x9F, counted, and let in again later', async () => {
    const running = await start({ connects: { perAddress: { perSecond: 1, burst: 2 } } });
    for (const expected of [0, 0, 0x9f]) assert.equal(await login(running, '5.0', 'right'), expected);
    assert.equal(await login(running, '3.1.1', 'right'), 3);
    assert.equal(running.stats.get('plugin.plugin.refused.connectsPerAddress'), 2);
    now = 1000;
    assert.equal(await login(running, '5.0', 'right'), 0);
  });

  test('after too many wrong passwords the right one has to wait too, and the authority is not asked', async () => {
    const running = await start({ failedLogins: { free: 2, firstDelaySeconds: 10 } });
    for (const expected of [0x86, 0x86]) assert.equal(await login(running, '5.0', 'wrong'), expected);
    // What became of a login is told in a later turn; the answer of the next one may come first, but it counts all the same.
    await running.decided({ hook: 'authenticate', outcome: 'deny', username: 'ann' });
    await running.until('the second failure', () => running.decisions.filter(({ outcome }) => outcome === 'deny').length >= 2);
    assert.equal(await login(running, '5.0', 'right'), 0x9f);
    assert.equal(await login(running, '3.1.1', 'wrong'), 3);
    assert.equal(await login(running, '5.0', 'right', 'bob'), 0);
    now = 10_000;
    assert.equal(await login(running, '5.0', 'right'), 0);
    // That was a proof: the pair begins anew.
    assert.equal(await login(running, '5.0', 'wrong'), 0x86);
  });

  test('a backend that is down makes nobody wait once it is back', async () => {
    const running = await start({ failedLogins: { free: 1 } });
    for (let i = 0; i < 5; i += 1) assert.equal(await login(running, '5.0', 'right', 'down'), 0x88);
  });

  test('a client that flaps is refused as rate', async () => {
    const running = await start({ flapping: { connects: 2, withinSeconds: 60, refuseSeconds: 100 } });
    for (let i = 0; i < 5; i += 1) assert.equal(await login(running, '5.0', 'wrong', 'ann', 'one'), 0x86);
    for (const expected of [0, 0, 0x9f]) assert.equal(await login(running, '5.0', 'right', 'ann', 'one'), expected);
    assert.equal(await login(running, '5.0', 'right', 'ann', 'two'), 0);
    now = 100_000;
    assert.equal(await login(running, '5.0', 'right', 'ann', 'one'), 0);
  });

  test('too many messages: QoS 0 is dropped, 5.0 hears 0x97, 3.x is acknowledged, and nothing of it is delivered', async () => {
    const running = await start({ messages: { perClient: { perSecond: 1, burst: 1 } } });
    const watcher = await running.client({ protocol: '5.0' });
    await watcher.connect({ username: 'watcher', password: 'right' });
    await watcher.subscribe('#');
    for (const protocol of ['3.1.1', '5.0'] as const) {
      const client = await running.client({ protocol });
      await client.connect({ username: 'ann', password: 'right', clientId: protocol });
      assert.equal(await client.publish('t', `first ${protocol}`, { qos: 1 }), 0);
      await watcher.expectMessage('t', `first ${protocol}`);
      await client.publish('t', 'too many');
      assert.equal(await client.publish('t', 'too many', { qos: 1 }), protocol === '5.0' ? 0x97 : 0);
      assert.equal(await client.publish('t', 'too many', { qos: 2 }), protocol === '5.0' ? 0x97 : 0);
    }
    await watcher.expectSilence();
    assert.equal(running.stats.get('plugin.plugin.refused.messagesPerClient'), 6);
  });

  test('a new configuration goes on with what the old one has counted', async () => {
    const running = await start({ failedLogins: { free: 1, firstDelaySeconds: 100 } });
    assert.equal(await login(running, '5.0', 'wrong'), 0x86);
    await running.decided({ hook: 'authenticate', outcome: 'deny' });
    await running.reconfigure({ failedLogins: { free: 1, firstDelaySeconds: 50 }, connects: { perAddress: MANY } });
    assert.equal(await login(running, '5.0', 'right'), 0x9f);
  });

  test('no limit at all, or delays that contradict each other, do not start', async () => {
    await assert.rejects(start({}), /no limit is set/);
    await assert.rejects(start({ messages: {} }), /no limit is set/);
    await assert.rejects(start({ failedLogins: { firstDelaySeconds: 10, maxDelaySeconds: 5 } }), /above "maxDelaySeconds"/);
    await assert.rejects(start({ connects: { perAddress: { perSecond: 1 } } }), /burst/);
  });

  test('what no limit needs is not tapped: a tapped guardPublish costs a copy of every message', async () => {
    const tapped = async (config: object): Promise<string[]> => {
      const taps: string[] = [];
      const hooks = new Proxy({}, { get: (_, name) => ({ tap: () => void taps.push(String(name)) }) });
      const context: Partial<PluginContext> = {
        name: 'limits',
        baseFolder: '',
        hooks: hooks as BrokerHooks,
        onDispose: (callback) => void callback(),
      };
      await makePlugin(() => now).start(context as PluginContext, { maxTracked: 10, ...config });
      return taps;
    };
    assert.deepEqual(await tapped({ connects: { perAddress: MANY } }), ['admitClient']);
    assert.deepEqual(await tapped({ flapping: { connects: 1, withinSeconds: 1, refuseSeconds: 1 } }), ['admitIdentity']);
    assert.deepEqual(await tapped({ bytes: { perTenant: MANY } }), ['guardPublish']);
    const failedLogins = { free: 1, firstDelaySeconds: 1, maxDelaySeconds: 1, forgetSeconds: 1, atOnce: 1 };
    assert.deepEqual(await tapped({ failedLogins }), ['admitClient', 'admitIdentity', 'connectDecided']);
  });
});
