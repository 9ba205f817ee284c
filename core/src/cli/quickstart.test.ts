import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { verifyPassword } from '@portcullis/sdk/passwords';
import { parseConfigFile, validateDocument } from '../config/index.js';
import { DEFAULT_CONFIG, ensureQuickstart } from './quickstart.js';

const hash = async (password: Uint8Array): Promise<string> => `hash-of-${password.length}-bytes`;

describe('a first start', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'quickstart-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const read = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');

  test('makes a sound configuration, an administrator and rights', async () => {
    const { configFile, created } = await ensureQuickstart(folder, { hash });
    assert.equal(configFile, join(folder, 'plugins.json'));
    assert.match(created?.password ?? '', /^[A-Za-z0-9_][A-Za-z0-9_-]{23}$/);
    assert.equal(created?.username, 'admin');
    assert.equal(await read('data/passwords'), 'admin:hash-of-24-bytes\n');
    assert.match(await read('data/acl'), /^#.*\nuser admin\ntopic readwrite #\n$/);
    const parsed = await parseConfigFile(configFile);
    assert.ok('document' in parsed);
    const { problems, warnings } = validateDocument(parsed.document, {});
    assert.deepEqual([problems, warnings], [[], []]);
  });

  test('keeps the files to their owner and leaves nothing else behind', async () => {
    await ensureQuickstart(folder, { hash });
    const mode = async (name: string): Promise<number> => (await stat(join(folder, name))).mode & 0o777;
    assert.deepEqual([await mode('data'), await mode('data/passwords'), await mode('data/acl')], [0o700, 0o600, 0o600]);
    assert.deepEqual((await readdir(folder)).sort(), ['data', 'plugins.json']);
    assert.deepEqual((await readdir(join(folder, 'data'))).sort(), ['acl', 'passwords']);
  });

  test('stores a hash that the password verifies against, and never the password', async () => {
    const { created } = await ensureQuickstart(folder);
    const line = (await read('data/passwords')).trimEnd();
    assert.match(line, /^admin:\$argon2id\$/);
    assert.equal(await verifyPassword(Buffer.from(created?.password ?? ''), line.slice('admin:'.length)), true);
    for (const name of ['data/passwords', 'data/acl', 'plugins.json']) assert.ok(!(await read(name)).includes(created?.password ?? '?'));
  });

  test('that is not the first changes nothing', async () => {
    await ensureQuickstart(folder, { hash });
    const before = await Promise.all(['plugins.json', 'data/passwords', 'data/acl'].map(read));
    assert.equal((await ensureQuickstart(folder, { hash })).created, null);
    assert.deepEqual(await Promise.all(['plugins.json', 'data/passwords', 'data/acl'].map(read)), before);
  });

  for (const [there, missing] of [
    ['passwords', 'acl'],
    ['acl', 'passwords'],
  ] as const) {
    test(`makes no administrator when only ${there} exists`, async () => {
      await mkdir(join(folder, 'data'));
      await writeFile(join(folder, 'data', there), '# mine\n');
      assert.equal((await ensureQuickstart(folder, { hash })).created, null);
      assert.equal(await read(`data/${there}`), '# mine\n');
      await assert.rejects(read(`data/${missing}`));
    });
  }

  test('does not write through a link that leads nowhere', async () => {
    await mkdir(join(folder, 'data'));
    await symlink(join(folder, 'elsewhere'), join(folder, 'data/passwords'));
    assert.equal((await ensureQuickstart(folder, { hash })).created, null);
    await assert.rejects(read('elsewhere'));
  });

  test('leaves a configuration alone, and makes no administrator whom it would not use', async () => {
    const own = DEFAULT_CONFIG.replace('data/acl', 'data/other-acl');
    await writeFile(join(folder, 'plugins.json'), own);
    assert.equal((await ensureQuickstart(folder, { hash })).created, null);
    assert.equal(await read('plugins.json'), own);
    await assert.rejects(stat(join(folder, 'data')));
  });

  test('leaves a configuration that does not parse to be complained about later', async () => {
    await writeFile(join(folder, 'plugins.json'), '{');
    assert.equal((await ensureQuickstart(folder, { hash })).created, null);
    assert.equal(await read('plugins.json'), '{');
  });
});

test('the configuration at the top of the repository is the one that a first start makes', async () => {
  assert.equal(await readFile(new URL('../../../plugins.json', import.meta.url), 'utf8'), DEFAULT_CONFIG);
});
