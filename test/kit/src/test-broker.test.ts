import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, describe, it } from 'node:test';
import { BackendUnavailable, definePlugin, type PluginDefinition } from '@portcullis/sdk';
import { startTestBroker, type TestBroker, type TestBrokerOptions } from './test-broker.js';

const NONE = { type: 'object', additionalProperties: false, properties: {} } as const;

/** Knows alice, whose password comes from the configuration; is silent when it is asked about "silent". */
const users = definePlugin({
  name: 'users',
  sdk: '^1.0.0',
  decides: { authenticate: ['allow', 'deny', 'skip'], refreshIdentity: ['allow', 'deny'] },
  config: {
    type: 'object',
    required: ['password'],
    additionalProperties: false,
    properties: { password: { type: 'string', minLength: 1, secret: true } },
  },
  start({ hooks, log, timers, onReload, onDispose }, { password }) {
    hooks.authenticate.tap(({ credentials }, decide) => {
      if (credentials.username === 'silent') return new Promise(() => {});
      if (credentials.username !== 'alice') return decide.skip();
      return credentials.equals(password) ? decide.allow({ identity: { username: 'alice' }, leaseSeconds: 60 }) : decide.deny('bad-credentials');
    });
    hooks.refreshIdentity.tap((_request, decide) => decide.deny('not-authorized'));
    timers.after(90_000, () => log.info({}, 'ninety seconds are over'));
    onReload(() => log.info({}, 'told to read again'));
    onDispose(() => log.info({}, 'disposed of'));
  },
});

const ALICE = { username: 'alice', password: 'wonderland' };
const OPTIONS: TestBrokerOptions = { plugin: users, config: { password: { $env: 'PASSWORD' } }, env: { PASSWORD: 'wonderland' } };

describe('the test broker', () => {
  let broker: TestBroker | null = null;
  afterEach(() => broker?.stop());

  const start = async (options: TestBrokerOptions): Promise<TestBroker> => {
    broker = await startTestBroker(options);
    return broker;
  };

  for (const [protocol, wrong, unavailable] of [
    ['3.1', 4, 3],
    ['3.1.1', 4, 3],
    ['5.0', 0x86, 0x88],
  ] as const) {
    it(`lets clients of MQTT ${protocol} in, refuses them, and shows a fault when the deadline is over`, async () => {
      const running = await start(OPTIONS);
      const alice = await running.client({ protocol });
      await alice.connect(ALICE);
      assert.equal(await (await running.client({ protocol })).connectRefused({ ...ALICE, password: 'wunderland' }), wrong);
      assert.equal(await (await running.client({ protocol })).connectRefused({ username: 'bob', password: 'wonderland' }), wrong);
      const silent = await running.client({ protocol });
      silent.sendConnect({ username: 'silent', password: 'x' });
      await silent.expectSilence(20);
      await running.advance(2100);
      await silent.expectConnack(unavailable);
      await silent.expectClosed();
      assert.equal(running.stats.pluginFaults, 1);
      await running.logged(/PCL_PLUGIN_FAULT.*plugin=plugin/);
      assert.equal((await running.decided({ hook: 'authenticate', username: 'alice', outcome: 'deny' })).reasonCode, 0x86);
    });
  }

  it('tells a client that awaits something else what the log says of it', async () => {
    const broken = definePlugin({ ...users, start: ({ hooks }) => hooks.authenticate.tap(() => undefined as never) });
    const running = await start({ ...OPTIONS, plugin: broken });
    const client = await running.client({ protocol: '5.0' });
    await assert.rejects(client.connect(ALICE), /awaited CONNACK with code 0, came 0x88 .*\n {3}the log says: .*PCL_PLUGIN_FAULT.*undefined/);
  });

  it('tells whoever awaits something while a plugin is silent that time stands still', async () => {
    const running = await start(OPTIONS);
    const alice = await running.client({ protocol: '5.0' });
    await alice.connect(ALICE);
    (await running.client({ protocol: '5.0' })).sendConnect({ username: 'silent', password: 'x' });
    await running.until('the question', () => running.broker.status()?.plugins.some(({ asked }) => asked > 0) === true);
    alice.send('c0 00');
    await assert.rejects(
      alice.expectMessage(),
      /came a PINGRESP .*\n {3}plugin has not answered, and time stands still: await broker\.advance\(2000\) brings its deadline/,
    );
  });

  it('takes no option that it would not look at', async () => {
    const misspelt = { ...OPTIONS, confg: {} } as TestBrokerOptions;
    await assert.rejects(startTestBroker(misspelt), /there is no option "confg"; there are plugin, plugins, config, /);
  });

  it('lets a client publish to its own subscription: the message waits behind its acknowledgement', async () => {
    const running = await start(OPTIONS);
    for (const protocol of ['3.1', '3.1.1', '5.0'] as const) {
      const alice = await running.client({ protocol });
      await alice.connect(ALICE);
      await alice.subscribe('t/#', 1);
      for (const qos of [1, 2] as const) {
        assert.equal(await alice.publish('t/own', `with ${qos}`, { qos }), 0);
        await alice.expectMessage('t/own', `with ${qos}`);
      }
      assert.equal(await alice.publish('t/own', 'unread', { qos: 1 }), 0);
      await alice.send('c0 00');
      assert.equal((await alice.expectPacket((packet) => packet.type === 3)).payload, 'unread');
      await alice.expectPacket('d0 00');
      await alice.disconnect();
    }
  });

  describe('with a plugin in a worker', () => {
    const folder = mkdtempSync(join(tmpdir(), 'kit-worker-'));
    const entries = { plugin: { isolation: 'worker' } };
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'mine', version: '1.0.0', type: 'module', exports: './index.js' }));
    writeFileSync(
      join(folder, 'index.js'),
      `import { isMainThread } from 'node:worker_threads';
      export default { name: 'mine', sdk: '^1.0.0', decides: { authenticate: ['allow', 'deny'] }, config: { type: 'object', additionalProperties: false, properties: {} },
        start({ hooks }) { hooks.authenticate.tap((_request, decide) => isMainThread ? decide.deny('banned') : decide.allow({ identity: { username: 'u' } })); } };`,
    );
    after(() => rmSync(folder, { recursive: true }));

    it('runs it there, from the folder of its package', async () => {
      const running = await start({ plugin: folder, entries, chain: { authenticate: ['plugin'] }, clock: 'system' });
      await (await running.client()).connect({ username: 'u' });
    });

    it('does not run a definition in this process as if nothing had been said', async () => {
      await assert.rejects(start({ ...OPTIONS, entries, clock: 'system' }), /give the folder of its package to have the plugin in a worker/);
    });

    it('does not start under a clock that stands still', async () => {
      await assert.rejects(start({ plugin: folder, entries, chain: { authenticate: ['plugin'] } }), /clock: 'system'/);
    });
  });

  it('gives every right where the plugin gives none, and delivers', async () => {
    const running = await start(OPTIONS);
    for (const protocol of ['3.1', '3.1.1', '5.0'] as const) {
      const alice = await running.client({ protocol });
      await alice.connect(ALICE);
      assert.equal(await alice.subscribe('t/#', 2), 2);
      for (const qos of [0, 1, 2] as const) {
        await alice.publish('t/1', `with ${qos}`);
        await alice.expectMessage('t/1', `with ${qos}`);
      }
      await alice.unsubscribe('t/#');
      for (const qos of [1, 2] as const) assert.equal(await alice.publish('t/1', '', { qos }), 0);
      await alice.expectSilence();
      await alice.disconnect();
    }
  });

  it('lets time pass for leases and timers of plugins', async () => {
    const running = await start(OPTIONS);
    const alice = await running.client({ protocol: '5.0' });
    await alice.connect(ALICE);
    await running.advance(59_000);
    await alice.expectSilence();
    await running.advance(1100);
    await alice.expectExpelled(0x87);
    assert.ok(!running.log.some((line) => line.includes('ninety seconds')));
    await running.advance(30_000);
    await running.logged(/ninety seconds are over/);
  });

  it('reloads, changes generations, and refuses a bad one', async () => {
    const running = await start({ ...OPTIONS, env: { PASSWORD: 'wonderland', OTHER: 'looking-glass' } });
    await running.reload();
    await running.logged(/told to read again/);
    await assert.rejects(running.reconfigure({ pasword: {} }), /"pasword"/);
    await (await running.client()).connect(ALICE);
    await running.reconfigure({ password: { $env: 'OTHER' } });
    assert.equal(await (await running.client()).connectRefused(ALICE), 4);
    await (await running.client()).connect({ ...ALICE, password: 'looking-glass' });
  });

  it('lets everybody in where the plugin is no authority', async () => {
    const rights = definePlugin({
      name: 'rights',
      sdk: '^1.0.0',
      taps: ['loadPolicy'],
      config: NONE,
      start({ hooks }) {
        const rule = { effect: 'allow', actions: ['subscribe', 'receive', 'publish'], pattern: 'own/%u', from: 'test' } as const;
        hooks.loadPolicy.tap((_request, give) => give.policy({ version: 1, rules: [rule] }));
      },
    });
    const running = await start({ plugin: rights });
    const client = await running.client({ protocol: '5.0' });
    await client.connect({ username: 'x' });
    assert.deepEqual([await client.subscribe('own/x', 1), await client.subscribe('own/y', 1)], [1, 0x87]);
    assert.equal(await client.publish('own/y', '', { qos: 1 }), 0x87);
    await running.until('the drop', () => running.drops.some(({ topic, reason }) => topic === 'own/y' && reason === 'not-authorized'));
    await (await running.client()).connect();
  });

  it('speaks over WebSocket where a listener does', async () => {
    const running = await start({ ...OPTIONS, document: { listeners: { web: { url: 'ws://127.0.0.1:0/mqtt', chain: 'default' } } } });
    await (await running.client({ listener: 'web' })).connect(ALICE);
    await assert.rejects(running.wire('wep'), /no listener "wep"/);
  });

  it('asks several plugins in their order', async () => {
    const late: PluginDefinition = definePlugin({
      name: 'late',
      sdk: '^1.0.0',
      decides: { authenticate: ['allow', 'skip'] },
      config: NONE,
      start: ({ hooks }) => hooks.authenticate.tap((_request, decide) => decide.allow({ identity: { username: 'late' } })),
    });
    const running = await start({ plugins: { users, late }, entries: { users: { config: OPTIONS.config } }, env: { PASSWORD: 'wonderland' } });
    await (await running.client()).connect({ username: 'anybody' });
    await running.decided({ plugin: 'late', outcome: 'allow' });
    assert.equal(await (await running.client()).connectRefused({ username: 'alice', password: 'x' }), 4);
  });

  it('runs the clock for a plugin that cannot start yet', async () => {
    let starts = 0;
    const slow = definePlugin({
      name: 'slow',
      sdk: '^1.0.0',
      taps: ['authenticate'],
      decides: { authenticate: ['allow'] },
      config: NONE,
      start({ hooks }) {
        hooks.authenticate.tap((_request, decide) => decide.allow({ identity: { anonymous: true } }));
        starts += 1;
        if (starts < 3) throw new BackendUnavailable('not there yet');
      },
    });
    const running = await start({ plugin: slow });
    assert.equal(await (await running.client()).connectRefused(), 3);
    await running.advance(1100);
    await running.advance(2100);
    await running.logged(/the plugin is ready/);
    await (await running.client()).connect();
    assert.equal(starts, 3);
  });

  it('says what is wrong with a configuration, and leaves nothing behind', async () => {
    await assert.rejects(startTestBroker({ plugin: users, config: { password: 'plain' } }), /plugins\.password|secrets are given as/);
    await assert.rejects(startTestBroker({}), /needs a plugin/);
    await assert.rejects(startTestBroker({ plugin: { ...users, sdk: '^9.0.0' }, config: OPTIONS.config ?? {} }), /\^9\.0\.0/);
  });

  it('ends with everything that it started', async () => {
    const running = await startTestBroker(OPTIONS);
    const alice = await running.client();
    await alice.connect(ALICE);
    await Promise.all([running.stop(), running.stop()]);
    await running.logged(/disposed of/);
    assert.equal(existsSync(running.folder), false);
    assert.equal(alice.wire.ending !== null, true);
  });
});
