import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BrokerProcess, passwordLine, runCommand, standardFiles, temporaryFolder, writeFiles } from '../support/broker-process.js';
import { connect5, connect311, publish, subscribe } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** The first block of code in a language, out of a document. */
function codeOf(document: string, language: string, containing: string): string {
  const text = readFileSync(join(ROOT, document), 'utf8');
  for (const [, found, code = ''] of text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)) if (found === language && code.includes(containing)) return code;
  throw new Error(`${document} has no block of ${language} with ${containing}`);
}

describe('a plugin outside of the repository', () => {
  let folder: string;
  let broker: BrokerProcess | null = null;

  before(() => {
    folder = join(temporaryFolder(), 'my-plugin');
    // All that it depends on is the SDK, as if its author had installed it.
    mkdirSync(join(folder, 'node_modules', '@portcullis'), { recursive: true });
    symlinkSync(join(ROOT, 'sdk'), join(folder, 'node_modules', '@portcullis', 'sdk'));
  });

  after(async () => {
    await broker?.stop();
    rmSync(join(folder, '..'), { recursive: true, force: true });
  });

  function install(source: string): void {
    writeFiles(folder, { 'package.json': codeOf('docs/writing-a-plugin.md', 'json', '"own-branch"'), 'index.js': source });
  }

  function files(authorize: readonly string[], config: unknown): Record<string, unknown> {
    const standard = standardFiles({ alice: 'secret' }, 'user alice\ntopic read people/#\ntopic readwrite t/#\n');
    const document = structuredClone(standard['plugins.json']) as { plugins: Record<string, unknown>; chains: Record<string, unknown> };
    document.plugins.mine = { use: folder, isolation: 'inProcess', config };
    document.chains.default = { authenticate: ['passwords'], authorize };
    return { ...standard, 'plugins.json': document };
  }

  async function login(clientId: string): Promise<WireClient> {
    const client = await WireClient.connect(broker?.port('local') ?? 0);
    client.send(connect5({ clientId, username: 'alice', password: 'secret' }));
    assert.match(await client.readPacket(), /^20 [0-9a-f]{2} 00 00/);
    return client;
  }

  it('does what the README says that its example does', async () => {
    install(codeOf('README.md', 'js', 'own-branch'));
    broker = await BrokerProcess.start({ files: files(['rules', 'mine'], {}) });
    const client = await login('one');
    client.send(publish({ topic: 'people/alice/x', qos: 1, packetId: 1, properties: '' }));
    assert.match(await client.readPacket(), /^40 (?:02 00 01|03 00 01 10|04 00 01 (?:00|10) 00)$/);
    client.send(publish({ topic: 'people/bob/x', qos: 1, packetId: 2, properties: '' }));
    assert.match(await client.readPacket(), /^40 0[34] 00 02 87(?: 00)?$/);
    client.close();
    assert.equal(await broker.stop(), 0);
    broker = null;
  });

  it('does what the guide says that its example does', async () => {
    install(codeOf('docs/writing-a-plugin.md', 'js', 'own-branch'));
    broker = await BrokerProcess.start({ files: files(['rules', 'mine'], { root: 'people' }) });
    await broker.waitForOutput(/clients publish to their own branch only/);
    const client = await login('one');
    client.send(subscribe({ filters: [['people/#', 1]], properties: '' }));
    await client.expect('90 04 00 01 00 01');
    client.send(publish({ topic: 'people/two/x', qos: 1, packetId: 2, properties: '' }));
    assert.match(await client.readPacket(), /^40 0[34] 00 02 87(?: 00)?$/);
    client.send(publish({ topic: 'people/one/x', payload: 'hi', qos: 0, properties: '' }));
    await client.expect(publish({ topic: 'people/one/x', payload: 'hi', qos: 0, properties: '' }));
    client.close();
    assert.equal(await broker.stop(), 0);
    broker = null;
  });

  it('is complete as the guide writes it by hand: its test passes, and its plugins.json serves', async () => {
    const guide = 'docs/writing-a-plugin.md';
    install(codeOf(guide, 'js', 'own-branch'));
    symlinkSync(join(ROOT, 'test', 'kit'), join(folder, 'node_modules', '@portcullis', 'testing'));
    writeFiles(folder, { 'index.test.js': codeOf(guide, 'js', "test('a client publishes to its own branch only'") });
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--test'], { cwd: folder, encoding: 'utf8', env });
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, /pass 1$/m);
    broker = await BrokerProcess.start({ folder: join(folder, '..'), files: { 'plugins.json': codeOf(guide, 'json', '"./my-plugin"') } });
    const client = await WireClient.connect(broker.port('local'));
    client.send(connect5({ clientId: 'me' }));
    assert.match(await client.readPacket(), /^20 [0-9a-f]{2} 00 00/);
    client.send(publish({ topic: 'people/me/x', qos: 1, packetId: 1, properties: '' }));
    assert.match(await client.readPacket(), /^40 0[234] 00 01(?: (?:00|10))*$/);
    client.send(publish({ topic: 'people/you/x', qos: 1, packetId: 2, properties: '' }));
    assert.match(await client.readPacket(), /^40 0[34] 00 02 87/);
    client.close();
    assert.equal(await broker.stop(), 0);
    broker = null;
  });

  it('whose data changes, as the guide shows it, takes back rights and sends away who is gone', async () => {
    install(codeOf('docs/writing-a-plugin.md', 'js', "name: 'crew-roster'"));
    const { plugins, chains } = JSON.parse(`{${codeOf('docs/writing-a-plugin.md', 'json', '"./crew-roster"')}}`) as {
      plugins: { roster: object };
      chains: object;
    };
    const hash = passwordLine('x', 'secret').trim().slice(2);
    const crew = (ships: Readonly<Record<string, readonly string[]>>) =>
      Object.fromEntries(Object.entries(ships).map(([name, list]) => [name, { hash, ships: list }]));
    const document = {
      version: 1,
      control: { socket: 'control.sock' },
      listeners: { local: { url: 'mqtt://127.0.0.1:0', chain: 'default' } },
      plugins: { roster: { ...plugins.roster, use: folder } },
      chains,
    };
    broker = await BrokerProcess.start({ files: { 'plugins.json': document, 'crew.json': crew({ alice: ['aurora'], ann: ['borealis'] }) } });
    await broker.waitForOutput(/Portcullis is ready/);
    assert.doesNotMatch(broker.output, /never asked/);
    const alice = await login('one');
    const ann = await WireClient.connect(broker.port('local'));
    ann.send(connect5({ clientId: 'two', username: 'ann', password: 'secret' }));
    assert.match(await ann.readPacket(), /^20 [0-9a-f]{2} 00 00/);
    const may = async (topic: string, packetId: number, retain = false): Promise<boolean> => {
      alice.send(publish({ topic, qos: 1, packetId, retain, properties: '' }));
      return !/ 87(?: 00)?$/.test(await alice.readPacket());
    };
    assert.deepEqual([await may('ship/aurora/x', 1), await may('ship/aurora/x', 2, true), await may('ship/corona/x', 3)], [true, false, false]);

    writeFiles(broker.folder, { 'crew.json': crew({ alice: ['corona'] }) });
    const reloaded = await runCommand({ folder: broker.folder, args: ['reload', '-c', 'plugins.json'] });
    assert.equal(reloaded.code, 0, reloaded.output);
    assert.match(await ann.readPacket(), /^e0 0[12] 87/);
    await ann.expectClosed();
    assert.deepEqual([await may('ship/aurora/x', 4), await may('ship/corona/x', 5)], [false, true]);

    writeFiles(broker.folder, { 'crew.json': '{ "alice": ' });
    const broken = await runCommand({ folder: broker.folder, args: ['reload', '-c', 'plugins.json'] });
    assert.equal(broken.code, 1, broken.output);
    assert.match(broken.output, /plugins\.roster: .*JSON/);
    assert.equal(await may('ship/corona/x', 6), true);
    alice.close();
    assert.equal(await broker.stop(), 0);
    broker = null;
  });

  it('is refused when it answers what its manifest does not list, and the reason stays in the log', async () => {
    install(
      codeOf('docs/writing-a-plugin.md', 'js', 'own-branch').replace(
        "decides: { authorize: ['allow', 'deny', 'skip'] }",
        "decides: { authorize: ['allow', 'skip'] }",
      ),
    );
    broker = await BrokerProcess.start({ files: files(['rules', 'mine'], { root: 'people' }) });
    const client = await WireClient.connect(broker.port('local'));
    client.send(connect311({ clientId: 'one', username: 'alice', password: 'secret' }));
    await client.expect('20 02 00 00');
    client.send(publish({ topic: 'people/two/x', qos: 1, packetId: 2 }));
    await client.expectClosed();
    await broker.waitForOutput(/PCL_PLUGIN_FAULT.*mine|mine.*PCL_PLUGIN_FAULT/);
    assert.equal(await broker.stop(), 0);
    broker = null;
  });

  it('is not loaded without isolation, with a wrong option, or broken', async () => {
    install(codeOf('docs/writing-a-plugin.md', 'js', 'own-branch'));
    const wrong = await runCommand({ files: files(['rules', 'mine'], { rot: 'people' }) });
    assert.equal(wrong.code, 1);
    assert.match(wrong.output, /"rot".*root/);
    install('export default { name: "x" };');
    assert.equal((await runCommand({ files: files(['rules', 'mine'], {}) })).code, 1);
    install('throw new Error("broken on load");');
    const broken = await runCommand({ files: files(['rules', 'mine'], {}) });
    assert.equal(broken.code, 1);
    assert.match(broken.output, /plugins\.json:\d+:\d+ .*broken on load/);
    assert.doesNotMatch(broken.output, /^\s+at /m);
  });

  it('cannot keep the broker from ending', async () => {
    install(
      codeOf('README.md', 'js', 'own-branch').replace(
        'start({ hooks }) {',
        'start({ hooks, onDispose }) {\n    onDispose(() => new Promise(() => {}));',
      ),
    );
    broker = await BrokerProcess.start({ files: files(['rules', 'mine'], {}) });
    await login('one');
    // The SDK gives all callbacks together five seconds.
    assert.equal(await broker.stop(), 0);
    broker = null;
  });
});
