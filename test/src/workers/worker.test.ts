import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { BrokerProcess, runCommand, standardFiles, writeFiles } from '../support/broker-process.js';
import { connect311, publish, subscribe } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';
import { startWild, type WildBroker, wildDocument, wildFolder, wildIndex } from './wild-plugin.js';

const MIB = 1024 * 1024;
const UNAVAILABLE = '20 03 00 88 00';
const READY = /the plugin is ready plugin=wild/;

async function answer(wild: WildBroker, username: string, version: '3.1.1' | '5.0' = '5.0'): Promise<string> {
  const client = await wild.knock(username, {}, version);
  const connack = await client.readPacket();
  client.close();
  return version === '3.1.1' ? connack : connack.slice(0, 14);
}

const code = async (wild: WildBroker, username: string): Promise<string> => (await answer(wild, username)).slice(9, 11);

describe('a plugin in a worker', () => {
  const started: WildBroker[] = [];
  const start = async (...options: Parameters<typeof startWild>): Promise<WildBroker> => {
    const wild = await startWild(...options);
    started.push(wild);
    return wild;
  };
  const stop = async (wild: WildBroker): Promise<void> => {
    assert.equal(await wild.broker.stop(), 0);
    assert.doesNotMatch(wild.broker.output, /PCL_INVARIANT/);
    started.splice(started.indexOf(wild), 1);
    rmSync(wild.folder, { recursive: true, force: true });
  };

  after(async () => {
    for (const { broker } of started) await broker.kill();
  });

  it('lets in, refuses, has no opinion and fails as one inside the broker', async () => {
    const wild = await start(wildIndex({ manifest: "capabilities: ['credentials']," }));
    assert.deepEqual(await Promise.all(['bob', 'deny', 'skip', 'fault'].map((name) => code(wild, name))), ['00', '8a', '86', '88']);
    assert.equal(await answer(wild, 'fault', '3.1.1'), '20 02 00 03');
    assert.equal(await answer(wild, 'bob', '3.1.1'), '20 02 00 00');
    await stop(wild);
  });

  it('compares passwords that it does not have, and gets them only by the capability', async () => {
    const open = await start(wildIndex({ manifest: "capabilities: ['credentials']," }));
    assert.deepEqual([await code(open, 'equals'), await code(open, 'expose')], ['00', '00']);
    const wrong = await open.knock('equals', { password: 'wrong' });
    assert.match(await wrong.readPacket(), /^20 03 00 86/);
    await stop(open);
    const hash = /alice:(\S+)/.exec(String(standardFiles({ alice: 'secret' }, '')['data/passwords']))?.[1];
    const shut = await start(wildIndex(), wildDocument({ config: { hash } }));
    assert.deepEqual([await code(shut, 'verify'), await code(shut, 'expose')], ['00', '88']);
    const other = await shut.knock('verify', { password: 'wrong' });
    assert.match(await other.readPacket(), /^20 03 00 86/);
    await shut.broker.waitForOutput(/does not ask for the capability/);
    await stop(shut);
  });

  it('finds neither the environment of the broker nor a way to it, and secrets only in its configuration', async () => {
    const shows = "log.info({ env: Object.keys(process.env).length, data: Object.keys(workerData).length, secret: secret === 's3cret' }, 'inside');";
    const wild = await start(wildIndex({ start: shows }), wildDocument({ config: { secret: { $env: 'WILD_SECRET' } } }), { WILD_SECRET: 's3cret' });
    await wild.broker.waitForOutput(/inside plugin=wild env=0 data=0 secret=true/);
    await stop(wild);
  });

  it('that cannot reload says so to whoever asked, once in the log, and goes on', async () => {
    const index = wildIndex({ start: "onReload(() => { throw new Error('the list is gone'); });" });
    const wild = await start(index, wildDocument({}, {}, { control: { socket: 'data/control.sock' } }));
    const { code: status, output } = await runCommand({ folder: wild.folder, args: ['reload', '-c', 'plugins.json'] });
    assert.equal(status, 1);
    assert.match(output, /plugins\.wild: the list is gone/);
    assert.equal(wild.broker.output.match(/could not reload.*the list is gone/g)?.length, 1);
    assert.equal(await code(wild, 'bob'), '00');
    await stop(wild);
  });

  it('is ended when it loops; its clients are refused at the deadline, others publish meanwhile, and it is there again', async () => {
    const wild = await start();
    const [receiver, sender] = [await wild.neighbour('receiver'), await wild.neighbour('sender')];
    receiver.send(subscribe({ filters: [['t/#', 0]] }));
    await receiver.expect('90 03 00 01 00');
    for (const [name, version, refusal] of [
      ['loop', '5.0', UNAVAILABLE],
      ['later', '3.1.1', '20 02 00 03'],
    ] as const) {
      const since = wild.broker.output.length;
      const ill = await wild.knock(name, {}, version);
      const refused = ill.readPacket();
      let slowest = 0;
      for (let i = 0; i < 100; i += 1) {
        const at = performance.now();
        sender.send(publish({ topic: `t/${i}`, payload: 'x' }));
        await receiver.expect(publish({ topic: `t/${i}`, payload: 'x' }));
        slowest = Math.max(slowest, performance.now() - at);
      }
      assert.ok(slowest < 350, `a message of others took ${slowest} ms`);
      assert.equal(await refused, refusal);
      await wild.broker.waitForOutput(/the worker of a plugin has ended.*not moved/, since);
      await wild.broker.waitForOutput(READY, since);
      assert.equal(await code(wild, 'bob'), '00');
    }
    await stop(wild);
  });

  it('is ended when it holds more memory than it may, in its heap or in buffers, at once or by and by', async () => {
    const wild = await start(wildIndex(), wildDocument({}, { workerMemoryBytes: 32 * MIB }));
    for (const name of ['heap', 'map', 'buffers', 'slowly']) {
      const since = wild.broker.output.length;
      assert.equal(await answer(wild, name), UNAVAILABLE, name);
      await wild.broker.waitForOutput(/the worker of a plugin has ended.*(?:may hold 32|not moved)/, since);
      await wild.broker.waitForOutput(READY, since);
      assert.equal(await code(wild, 'bob'), '00');
    }
    await stop(wild);
  });

  it('is started again when it exits; what is thrown where nobody catches it does not end it', async () => {
    const wild = await start();
    assert.equal(await answer(wild, 'exit'), UNAVAILABLE);
    await wild.broker.waitForOutput(/the worker of a plugin has ended.*code 7/);
    await wild.broker.waitForOutput(READY);
    const since = wild.broker.output.length;
    assert.deepEqual([await code(wild, 'timer'), await code(wild, 'rejection')], ['00', '00']);
    await wild.broker.waitForOutput(/PCL_PLUGIN_ESCAPED plugin=wild.*thrown in a timer/, since);
    assert.doesNotMatch(wild.broker.output.slice(since), /has ended/);
    await stop(wild);
  });

  it('is ended when it speaks to the broker by itself, and no answer comes of that', async () => {
    const wild = await start();
    assert.equal(await answer(wild, 'parent'), UNAVAILABLE);
    await wild.broker.waitForOutput(/has ended.*a message of its own/);
    await wild.broker.waitForOutput(READY);
    assert.deepEqual([await code(wild, 'huge'), await code(wild, 'promise')], ['88', '88']);
    await stop(wild);
  });

  it('prints and logs only as much as the log takes up, and what is left out is counted', async () => {
    const wild = await start(wildIndex(), wildDocument({}, { workerOutputBytes: 2000, workerMessages: 50 }));
    assert.deepEqual([await code(wild, 'print'), await code(wild, 'say')], ['8a', '8a']);
    await wild.broker.waitForOutput(/a plugin printed more than is logged plugin=wild characters=\d+/);
    await wild.broker.waitForOutput(/a plugin said more than is listened to plugin=wild messages=\d+/);
    const { output } = wild.broker;
    assert.ok((output.match(/info {2}a plugin printed plugin/g) ?? []).length < 500);
    assert.ok((output.match(/info {2}said plugin/g) ?? []).length < 1000);
    assert.doesNotMatch(output, /has ended/);
    await stop(wild);
  });

  it('is not loaded when it taps what must be answered at once or provides a store, and the hook is named', async () => {
    for (const [options, says] of [
      [{ manifest: "taps: ['authenticate', 'guardPublish']," }, /plugins\.json:\d+:\d+ .*isolation: plugin wild taps guardPublish.*at once/],
      [{ manifest: "capabilities: ['stores']," }, /isolation: plugin wild provides a store/],
      [{ start: 'hooks.rewritePublish.tap((_, give) => give.nothing());' }, /plugin wild taps rewritePublish, which must be answered at once/],
    ] as const) {
      const folder = wildFolder(wildIndex(options));
      const { code: exit, output } = await runCommand({ folder });
      assert.equal(exit, 1);
      assert.match(output, says);
      assert.doesNotMatch(output, /listening/);
      rmSync(folder, { recursive: true });
    }
  });

  it('has no cap of memory inside the broker, and says so', async () => {
    const folder = wildFolder(wildIndex(), wildDocument({ isolation: 'inProcess', maxMemoryBytes: 64 * MIB }));
    const { code: exit, output } = await runCommand({ folder, args: ['check', '-c', 'plugins.json'] });
    assert.equal(exit, 1);
    assert.match(output, /maxMemoryBytes: is for plugins in a worker/);
    rmSync(folder, { recursive: true });
  });

  it('leaves nothing behind: fifty generations later there is one thread of it, and clients came in behind each switch', async () => {
    const marks = "onDispose(() => log.info({}, 'disposed')); log.info({}, 'started');";
    const wild = await start(wildIndex({ start: marks }));
    const threads = (): number => readdirSync(`/proc/${wild.broker.pid}/task`).length;
    const residentMiB = (): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${wild.broker.pid}/status`, 'utf8'))?.[1]) / 1024;
    const before = threads();
    let early = 0;
    for (let i = 1; i <= 50; i += 1) {
      writeFiles(wild.folder, { 'plugins.json': wildDocument({ timeoutMs: 1000 + i }) });
      const since = wild.broker.output.length;
      wild.broker.signal('SIGHUP');
      // The new one starts, and then the old one is disposed of.
      await wild.broker.waitForOutput(/disposed plugin=wild/, since);
      assert.equal(await code(wild, 'bob'), '00');
      if (i === 10) early = residentMiB();
    }
    await wild.broker.waitForOutput(/disposed/);
    while (threads() > before) assert.equal(await code(wild, 'bob'), '00');
    assert.ok(residentMiB() < early + 64, `${early} MiB after 10, ${residentMiB()} MiB after 50`);
    await stop(wild);
  });

  it('may be any plugin that ships with Portcullis', async () => {
    const files = standardFiles({ alice: 'secret' }, 'user alice\ntopic readwrite t/#\n');
    const document = structuredClone(files['plugins.json']) as { plugins: Record<string, { isolation?: string }> };
    for (const entry of Object.values(document.plugins)) entry.isolation = 'worker';
    const broker = await BrokerProcess.start({ files: { ...files, 'plugins.json': document } });
    const client = await WireClient.connect(broker.port('local'));
    client.send(connect311({ clientId: 'c', username: 'alice', password: 'secret' }));
    await client.expect('20 02 00 00');
    client.send(subscribe({ filters: [['t/#', 1]] }) + subscribe({ packetId: 2, filters: [['other', 1]] }));
    await client.expect('90 03 00 01 01 90 03 00 02 80');
    client.send(publish({ topic: 't/1', payload: 'hi' }));
    await client.expect(publish({ topic: 't/1', payload: 'hi' }));
    const wrong = await WireClient.connect(broker.port('local'));
    wrong.send(connect311({ clientId: 'd', username: 'alice', password: 'wrong' }));
    await wrong.expect('20 02 00 04');
    assert.equal(await broker.stop(), 0);
  });
});
