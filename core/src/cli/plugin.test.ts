import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { run } from './run.js';
import { makePlugin } from './scaffold.js';
import { RecordingTerminal } from './terminal.test.support.js';

const FILES = ['.gitignore', 'CHANGELOG.md', 'README.md', 'package.json', 'src/index.test.ts', 'src/index.ts', 'tsconfig.json'];

describe('a new plugin', () => {
  let parent = '';
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'plugin-new-'));
  });
  afterEach(() => rm(parent, { recursive: true }));

  test('is a whole package with nothing left to fill in', async () => {
    const { folder, files } = await makePlugin('my-auth', parent);
    assert.deepEqual([folder, files], ['my-auth', FILES]);
    for (const file of files) assert.doesNotMatch(await readFile(join(parent, folder, file), 'utf8'), /\{\{|\}\}|tmpl/, file);
    const manifest = JSON.parse(await readFile(join(parent, folder, 'package.json'), 'utf8')) as Record<string, Record<string, string>>;
    assert.equal(manifest.name, 'my-auth');
    assert.match(manifest.dependencies?.['@portcullis/sdk'] ?? '', /^\^\d+\.\d+\.\d+$/);
    assert.match(manifest.devDependencies?.portcullis ?? '', /^\^\d+\.\d+\.\d+$/);
    assert.match(await readFile(join(parent, folder, 'src/index.ts'), 'utf8'), /name: 'my-auth'/);
  });

  test('takes at most 15 lines of code', async () => {
    await makePlugin('my-auth', parent);
    const lines = (await readFile(join(parent, 'my-auth/src/index.ts'), 'utf8')).split('\n').map((line) => line.trim());
    const code = lines.filter((line) => line !== '' && !line.startsWith('//') && !line.startsWith('/*'));
    assert.ok(code.length <= 15, `${code.length} lines:\n${code.join('\n')}`);
  });

  test('may have a scope, which its folder and its own name do not have', async () => {
    const { folder } = await makePlugin('@acme/door-2', parent);
    assert.equal(folder, 'door-2');
    assert.match(await readFile(join(parent, 'door-2/package.json'), 'utf8'), /"name": "@acme\/door-2"/);
    assert.match(await readFile(join(parent, 'door-2/src/index.ts'), 'utf8'), /name: 'door-2'/);
  });

  test('can take the newest tarballs of a folder instead of the registry', async () => {
    await mkdir(join(parent, 'packed'));
    for (const name of ['portcullis-sdk-1.9.0', 'portcullis-sdk-1.10.0', 'portcullis-0.1.0', 'portcullis-testing-0.1.0', 'portcullis-plugin-x-9.0.0'])
      await writeFile(join(parent, 'packed', `${name}.tgz`), '');
    await makePlugin('my-auth', parent, { packages: 'packed' });
    const manifest = await readFile(join(parent, 'my-auth/package.json'), 'utf8');
    assert.match(manifest, /"@portcullis\/sdk": "file:\.\.\/packed\/portcullis-sdk-1\.10\.0\.tgz"/);
    assert.match(manifest, /"portcullis": "file:\.\.\/packed\/portcullis-0\.1\.0\.tgz"/);
    assert.match(manifest, /"@portcullis\/testing": "file:\.\.\/packed\/portcullis-testing-0\.1\.0\.tgz"/);
  });

  for (const [packages, expected] of [
    ['nowhere', /^there is no folder .*nowhere$/],
    ['.', /holds no portcullis-sdk-<version>\.tgz; "npm run pack"/],
  ] as const) {
    test(`is not made from the tarballs of ${packages}`, async () => {
      await assert.rejects(makePlugin('my-auth', parent, { packages }), { message: expected });
      assert.deepEqual(await readdir(parent), []);
    });
  }

  for (const name of ['', '.', '..', 'My-Auth', '1st', '-x', 'x-', 'a b', 'a/b', '@/x', '@acme/', '../x', 'a.b', 'ä', 'a\n', 'x'.repeat(65)]) {
    test(`cannot be called ${JSON.stringify(name.slice(0, 10))}`, async () => {
      await assert.rejects(makePlugin(name, parent), /cannot be the name of a plugin/);
      assert.deepEqual(await readdir(parent), []);
    });
  }

  for (const name of ['portcullis', '@portcullis/sdk', '@portcullis/testing']) {
    test(`cannot be called as ${name}, which it needs`, async () => {
      await assert.rejects(makePlugin(name, parent), { message: `"${name}" is the name of a package that the plugin needs` });
      assert.deepEqual(await readdir(parent), []);
    });
  }

  test('takes an empty folder, and nothing that holds anything', async () => {
    await mkdir(join(parent, 'empty'));
    await makePlugin('empty', parent);
    await assert.rejects(makePlugin('empty', parent), {
      message: `${join(parent, 'empty')} is there already, and is not empty; choose another name, or remove it`,
    });
    await writeFile(join(parent, 'file'), 'mine');
    await assert.rejects(makePlugin('file', parent), { message: `${join(parent, 'file')} is there already, and is no folder` });
    assert.equal(await readFile(join(parent, 'file'), 'utf8'), 'mine');
  });
});

describe('"portcullis plugin"', () => {
  const command = async (...argv: string[]) => {
    const terminal = new RecordingTerminal();
    const status = await run(['plugin', ...argv], terminal, () => Promise.reject(new Error('must not serve')));
    return { status, printed: terminal.printed, complaints: terminal.complaints };
  };
  const usage = '; usage: portcullis plugin new NAME [--packages FOLDER]';

  for (const [argv, complaint] of [
    [[], '"plugin" needs a command'],
    [['old', 'x'], 'unknown command "plugin old"'],
    [['new'], 'the new plugin needs a name'],
    [['new', ''], 'the new plugin needs a name'],
    [['new', 'a', 'b'], '"plugin new" takes one name, not also "b"'],
    [['new', 'a', '--packages='], '--packages needs a folder'],
    [['new', 'a', '--oops'], "unknown option '--oops'"],
  ] as const) {
    test(`answers ${JSON.stringify(argv)} with one line`, async () => {
      assert.deepEqual(await command(...argv), { status: 2, printed: [], complaints: [`portcullis: ${complaint}${usage}`] });
    });
  }

  test('answers what cannot be done with one line', async () => {
    const { status, complaints } = await command('new', 'A\u001b[31m');
    assert.equal(status, 1);
    assert.equal(complaints.length, 1);
    assert.match(complaints[0] ?? '', /^portcullis: "A\\u001b\[31m" cannot be the name of a plugin/);
  });

  test('tells how it is used', async () => {
    assert.deepEqual(await command('--help'), { status: 0, printed: ['portcullis plugin new NAME [--packages FOLDER]'], complaints: [] });
  });
});
