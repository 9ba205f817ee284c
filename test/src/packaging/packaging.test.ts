import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { BrokerProcess, runCommand, standardFiles, temporaryFolder, writeFiles } from '../support/broker-process.js';
import { connect311, publish, subscribe } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';
import { npm, pack, packAs, publishedFolders, ROOT, readManifest, tarballFiles } from './packages.js';

const FILES = standardFiles({ alice: 'secret' }, 'user alice\ntopic readwrite demo/#\n');

describe('every published package', () => {
  for (const folder of publishedFolders()) {
    it(`${folder} passes publint`, async () => {
      const { messages } = await publint({ pkgDir: join(ROOT, folder), strict: false });
      const manifest = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as Record<string, unknown>;
      const serious = messages.filter((message) => message.type !== 'suggestion');
      assert.deepEqual(
        serious.map((message) => formatMessage(message, manifest)),
        [],
      );
    });

    it(`${folder} states licence and engine, and depends on released versions only`, () => {
      const manifest = readManifest(join(ROOT, folder));
      assert.equal(manifest.license, 'MIT');
      assert.equal(manifest.engines?.node, '>=20.19');
      for (const [name, range] of Object.entries(manifest.dependencies ?? {})) assert.match(range, /^[\^~]?\d+\.\d+\.\d+$/, `${name}: ${range}`);
    });
  }
});

describe('the packages outside of the repository', () => {
  let work: string;
  let home: string;
  let command: string;

  before(() => {
    work = temporaryFolder();
    home = join(work, 'home');
    const tarballs = publishedFolders().map((folder) => pack(join(ROOT, folder), join(work, 'tarballs')));
    for (const tarball of tarballs) {
      const files = tarballFiles(tarball);
      for (const file of ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md']) assert.ok(files.includes(file), `${tarball} lacks ${file}`);
      assert.deepEqual(
        // Templates have tests too; they are of the packages that are made from them.
        files.filter(
          (file) => (file.includes('.test.') && !file.startsWith('templates/')) || file.includes('tsbuildinfo') || file.startsWith('src/'),
        ),
        [],
      );
    }
    writeFiles(home, { ...FILES, 'package.json': { name: 'home', private: true } });
    npm(home, ['install', '--prefer-offline', '--ignore-scripts', ...tarballs]);
    command = join(home, 'node_modules', 'portcullis', 'bin', 'portcullis.js');
  });

  after(() => rmSync(work, { recursive: true, force: true }));

  const serve = (): Promise<BrokerProcess> => BrokerProcess.start({ folder: home, command });

  async function exchange(broker: BrokerProcess): Promise<void> {
    const client = await WireClient.connect(broker.port('local'));
    client.send(connect311({ clientId: 'one', username: 'alice', password: 'secret' }));
    await client.expect('20 02 00 00');
    client.send(subscribe({ filters: [['demo/#', 0]] }));
    await client.expect('90 03 00 01 00');
    client.send(publish({ topic: 'demo/a', payload: 'hello' }));
    await client.expect(publish({ topic: 'demo/a', payload: 'hello' }));
    const stranger = await WireClient.connect(broker.port('local'));
    stranger.send(connect311({ clientId: 'two', username: 'alice', password: 'wrong' }));
    await stranger.expect('20 02 00 04');
    await stranger.expectClosed();
    client.close();
  }

  it('come from tarballs, not from the repository', () => {
    const linked = readdirSync(join(home, 'node_modules'), { withFileTypes: true }).filter((entry) => entry.isSymbolicLink());
    assert.deepEqual(linked, []);
  });

  it('run a broker that serves a client', async () => {
    const broker = await serve();
    try {
      await exchange(broker);
    } finally {
      assert.equal(await broker.stop(), 0);
    }
  });

  it('let one plugin be upgraded alone', async () => {
    const tarball = packAs('plugins/password-file', { version: '1.0.1' }, join(work, 'upgrade'));
    npm(home, ['install', '--prefer-offline', '--ignore-scripts', tarball]);
    assert.equal(readManifest(join(home, 'node_modules/@portcullis/plugin-password-file')).version, '1.0.1');
    assert.equal(readManifest(join(home, 'node_modules/@portcullis/plugin-acl-file')).version, '1.0.0');
    const broker = await serve();
    try {
      await exchange(broker);
    } finally {
      assert.equal(await broker.stop(), 0);
    }
  });

  it('refuse a plugin made for another SDK in one line that names both versions', async () => {
    const sdk = readManifest(join(ROOT, 'sdk')).version;
    const tarball = packAs('plugins/password-file', { version: '2.0.0' }, join(work, 'mismatch'), (copy) => {
      const entry = join(copy, 'dist', 'index.js');
      const source = readFileSync(entry, 'utf8');
      const changed = source.replace(/sdk: '[^']*'/, "sdk: '^7.1.0'");
      assert.notEqual(changed, source, 'the plugin states its SDK range in dist/index.js');
      writeFileSync(entry, changed);
    });
    npm(home, ['install', '--prefer-offline', '--ignore-scripts', tarball]);
    const { code, output } = await runCommand({ folder: home, command });
    assert.equal(code, 1, output);
    const lines = output.split('\n').filter((line) => line.includes('7.1.0'));
    assert.equal(lines.length, 1, output);
    assert.ok(lines[0]?.includes(sdk), output);
    assert.doesNotMatch(output, /listening name=/);
    assert.doesNotMatch(output, /^\s+at /m);
  });
});
