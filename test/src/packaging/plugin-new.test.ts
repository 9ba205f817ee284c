import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { BrokerProcess, runCommand, temporaryFolder, writeFiles } from '../support/broker-process.js';
import { connect5, publish } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';
import { npm, pack, ROOT, readManifest, tarballFiles } from './packages.js';

const GUIDE = readFileSync(join(ROOT, 'docs', 'writing-a-plugin.md'), 'utf8');

/** The first block of code in a language out of the guide that holds a text. */
function blockOf(language: string, text: string): string {
  for (const [, found, code = ''] of GUIDE.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)) if (found === language && code.includes(text)) return code;
  throw new Error(`the guide has no block of ${language} with ${text}`);
}

/** As the guide has it: the packages as tarballs, a scaffold, and what its author does next. */
describe('a plugin made by "portcullis plugin new"', () => {
  let work: string;
  let folder: string;

  before(async () => {
    work = temporaryFolder();
    const packed = join(work, 'packed');
    const [, core = ''] = ['sdk', 'core', 'test/kit'].map((name) => pack(join(ROOT, name), packed));
    const templates = readdirSync(join(ROOT, 'core/templates'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.tmpl'));
    assert.ok(templates.length >= 7, templates.join());
    const shipped = tarballFiles(core);
    for (const name of templates) assert.ok(shipped.includes(`templates/${name}`), `${name} is not in the published package`);
    const { code, output } = await runCommand({ folder: work, args: ['plugin', 'new', 'rude-door', '--packages', 'packed'] });
    assert.equal(code, 0, output);
    folder = join(work, 'rude-door');
    npm(folder, ['install', '--prefer-offline', '--ignore-scripts']);
    // Beside the tests that it has, the one that the guide shows.
    writeFiles(folder, { 'src/guide.test.ts': blockOf('ts', "test('refuses a stranger'") });
  });

  after(() => rmSync(work, { recursive: true, force: true }));

  it('is the one that the guide shows', () => {
    assert.equal(readFileSync(join(folder, 'src', 'index.ts'), 'utf8'), blockOf('ts', "name: 'rude-door'"));
  });

  it('builds, and passes its own tests at once', () => {
    const output = npm(folder, ['test']);
    const [, passed = '0'] = /^# pass (\d+)$/m.exec(output) ?? /pass (\d+)$/m.exec(output) ?? [];
    assert.ok(Number(passed) >= 15, output);
    assert.match(output, /fail 0$/m);
    assert.match(output, /refuses a stranger/, 'the test that the guide shows is in a file of its own');
  });

  it('has nothing of the repository in its folder', () => {
    const linked = readdirSync(join(folder, 'node_modules', '@portcullis'), { withFileTypes: true }).filter((entry) => entry.isSymbolicLink());
    assert.deepEqual(linked, []);
  });

  it('is a sound package, with nothing in it of files that are gone', async () => {
    writeFiles(folder, { 'dist/gone.js': 'export {};\n' });
    // npm does so by itself, unless it is told to run no scripts.
    npm(folder, ['run', 'prepack']);
    const tarball = pack(folder, join(work, 'mine'));
    assert.deepEqual(tarballFiles(tarball).sort(), ['CHANGELOG.md', 'README.md', 'dist/index.d.ts', 'dist/index.js', 'package.json']);
    // Before it is published, the tarball of the SDK becomes a range.
    npm(folder, ['pkg', 'set', 'dependencies.@portcullis/sdk=^1.0.0']);
    const { messages } = await publint({ pkgDir: folder, strict: false });
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, unknown>;
    const serious = messages.filter((message) => message.type !== 'suggestion').map((message) => formatMessage(message, manifest));
    assert.deepEqual(serious, []);
  });

  it('runs in a broker, from its folder', async () => {
    writeFiles(folder, { 'plugins.json': blockOf('json', '"ALICE_PASSWORD"'), acl: blockOf('', 'topic readwrite rooms/#') });
    const own = join(folder, 'node_modules', 'portcullis', 'bin', 'portcullis.js');
    assert.ok(existsSync(own));
    const checked = await runCommand({ folder, command: own, args: ['check'], env: { ALICE_PASSWORD: 'a secret' } });
    assert.equal(checked.code, 0, checked.output);
    assert.match(checked.output, /warning: .*authorize/);
    // On any port, for the sake of the machine: PORTCULLIS_PORT is that of the first listener.
    const broker = await BrokerProcess.start({ folder, command: own, env: { ALICE_PASSWORD: 'a secret' } });
    try {
      const alice = await WireClient.connect(broker.port('local'));
      alice.send(connect5({ clientId: 'a', username: 'alice', password: 'a secret' }));
      assert.match(await alice.readPacket(), /^20 [0-9a-f]{2} 00 00/);
      const stranger = await WireClient.connect(broker.port('local'));
      stranger.send(connect5({ clientId: 'b', username: 'alice', password: 'another' }));
      assert.match(await stranger.readPacket(), /^20 [0-9a-f]{2} 00 86/);
      // The step after it, with rights.
      npm(folder, ['install', '--no-save', '--prefer-offline', '--ignore-scripts', pack(join(ROOT, 'plugins/acl-file'), join(work, 'packed'))]);
      writeFiles(folder, { 'plugins.json': blockOf('json', '"@portcullis/plugin-acl-file"') });
      const reloaded = await runCommand({ folder, command: own, args: ['reload'] });
      assert.equal(reloaded.code, 0, reloaded.output);
      alice.send(publish({ topic: 'rooms/hall', qos: 1, packetId: 1, properties: '' }));
      assert.match(await alice.readPacket(), /^40 0[234] 00 01(?: (?:00|10))*$/);
      alice.send(publish({ topic: 'cellar', qos: 1, packetId: 2, properties: '' }));
      assert.match(await alice.readPacket(), /^40 0[34] 00 02 87/);
      alice.close();
    } finally {
      assert.equal(await broker.stop(), 0);
    }
  });

  it('asks the registry for the kit that there is', () => {
    const source = readFileSync(join(ROOT, 'core', 'dist', 'cli', 'scaffold.js'), 'utf8');
    assert.ok(
      source.includes(`'^${readManifest(join(ROOT, 'test/kit')).version}'`),
      'the range in core/src/cli/scaffold.ts is that of test/kit/package.json',
    );
  });
});
