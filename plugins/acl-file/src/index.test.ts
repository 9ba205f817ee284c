import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { InvalidPluginConfig } from '@portcullis/sdk';
import { FakeContext } from './fake-context.js';
import plugin from './index.js';

let folder: string;
let path: string;
let host: FakeContext;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acl-'));
  path = join(folder, 'acl');
  host = new FakeContext(folder);
});

afterEach(() => rm(folder, { recursive: true }));

async function start(watch = false): Promise<void> {
  await plugin.start(host.context, Object.freeze(Object.assign(Object.create(null), { file: 'acl', watch })));
}

test('each client is bound to the templates that are for it', async () => {
  await writeFile(path, '\ufefftopic read news\nuser bob\ntopic dev/bob\nuser eve\npattern c/%c\n');
  await start();
  assert.deepEqual([...host.templates.keys()].sort(), ['anonymous', 'pattern', 'user:bob', 'user:eve']);
  assert.deepEqual(
    host.templates.get('user:bob')?.map((rule) => rule.from),
    ['acl:3'],
  );
  assert.deepEqual(host.grantFor({ username: 'bob' }).templates, ['user:bob', 'pattern']);
  assert.deepEqual(host.grantFor({ anonymous: true }).templates, ['anonymous', 'pattern']);
  for (const username of ['Bob', 'bob ', 'anonymous', 'pattern', 'user:bob', '__proto__']) {
    assert.deepEqual(host.grantFor({ username }).templates, ['pattern']);
  }
});

test('users named like the other templates get a template of their own', async () => {
  await writeFile(path, 'user pattern\ntopic a\nuser anonymous\ntopic b\n');
  await start();
  assert.deepEqual(host.grantFor({ username: 'pattern' }).templates, ['user:pattern', 'pattern']);
  assert.deepEqual(host.templates.get('pattern'), []);
  assert.deepEqual(host.templates.get('anonymous'), []);
});

test('a file without rules denies everything and says so', async () => {
  for (const text of ['', '# nothing\n', '\ufeff', 'user bob\n']) {
    host = new FakeContext(folder);
    await writeFile(path, text);
    await start();
    assert.deepEqual([...host.templates.values()].flat(), []);
    assert.deepEqual(host.logged, [['warn', 'the ACL file holds no rule: everything is denied']]);
  }
});

test('patterns without a variable are accepted and complained about', async () => {
  await writeFile(path, 'pattern read news\n');
  await start();
  assert.match(host.logged[0]?.[1] as string, /without %u or %c/);
  assert.equal(host.templates.get('pattern')?.length, 1);
});

test('a missing or damaged file stops the start', async () => {
  await assert.rejects(start(), (error: unknown) => error instanceof InvalidPluginConfig && /no such file; create it/.test(error.message));
  await writeFile(path, 'topic read a\nopic deny a/b\n');
  await assert.rejects(start(), (error: unknown) => error instanceof InvalidPluginConfig && error.message.startsWith(`${path}:2: `));
  await writeFile(path, 'topic read a\n');
  host.refusal = new Error('acl:1: does not compile');
  await assert.rejects(start(), (error: unknown) => error instanceof InvalidPluginConfig && error.message === `${path}: acl:1: does not compile`);
});

test('a changed file replaces all templates first and has everybody asked again then, with a higher version', async () => {
  await writeFile(path, 'user bob\ntopic a\n');
  await start();
  assert.deepEqual(host.steps, ['templates']);
  const before = host.grantFor({ username: 'bob' }).version as number;
  await writeFile(path, 'user eve\ntopic a\n');
  await host.reload();
  assert.deepEqual(host.steps, ['templates', 'templates', 'invalidate all true']);
  assert.ok((host.grantFor({ username: 'eve' }).version as number) > before);
  assert.deepEqual(host.grantFor({ username: 'bob' }).templates, ['pattern']);
  const next = new FakeContext(folder);
  await plugin.start(next.context, { file: 'acl', watch: false });
  assert.ok((next.grantFor({ username: 'eve' }).version as number) > (host.grantFor({ username: 'eve' }).version as number));
});

test('a damaged or refused change leaves the old rules in force', async () => {
  await writeFile(path, 'user bob\ntopic a\n');
  await start();
  const { version } = host.grantFor({ username: 'bob' });
  await writeFile(path, 'user bob\ntopci deny a\n');
  await assert.rejects(async () => host.reload(), /acl:2: .*; the rules read before stay in force$/);
  await writeFile(path, 'user eve\ntopic a\n');
  host.refusal = new Error('acl:2: does not compile');
  await assert.rejects(async () => host.reload(), /does not compile; the rules read before stay in force$/);
  assert.deepEqual(host.steps, ['templates']);
  assert.deepEqual(host.grantFor({ username: 'bob' }), { version, templates: ['user:bob', 'pattern'] });
  assert.deepEqual(host.grantFor({ username: 'eve' }).templates, ['pattern']);
});

test('the file is watched unless that is switched off', async () => {
  await writeFile(path, 'topic a\n');
  await start(false);
  assert.equal(host.ticks.length, 0);
  await start(true);
  assert.equal(host.ticks.length, 1);
});
