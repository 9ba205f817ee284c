import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, chown, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { passwordHashFormat, verifyPassword } from '@portcullis/sdk/passwords';
import type { ToolTerminal } from '@portcullis/sdk/tools';
import { runPasswdTool } from './passwd-tool.js';
import { readState, replaceFile } from './replace-file.js';
import { Users } from './users.js';

let folder: string;
let path: string;
let said: string;
let typed: (string | null)[];

const terminal: ToolTerminal = {
  out: (text) => {
    said += text;
  },
  error: (text) => {
    said += text;
  },
  secret: async () => {
    const line = typed.shift() ?? null;
    return line === null ? null : Buffer.from(line);
  },
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'passwd-tool-'));
  path = join(folder, 'passwords');
  said = '';
  typed = [];
});

afterEach(() => rm(folder, { recursive: true }));

const run = (...args: string[]) => runPasswdTool(args, terminal);
const read = () => readFile(path, 'utf8');

async function verifies(username: string, password: string): Promise<boolean> {
  return verifyPassword(Buffer.from(password), Users.parse(path, await read()).hashOf(username));
}

test('a file is created, users are added, changed and deleted, and comments and order stay', async () => {
  assert.equal(await run('-c', '-b', path, 'al', 'one'), 0);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  await writeFile(path, `# head\n\n${await read()}# tail without a newline`);
  assert.equal(await run('-b', path, 'bob smith', 'two'), 0);
  assert.equal(await run('-b', path, 'al', 'three'), 0);
  const lines = (await read()).split('\n');
  assert.deepEqual(
    lines.map((line) => line.split(':')[0]),
    ['# head', '', 'al', '# tail without a newline', 'bob smith', ''],
  );
  assert.equal(await verifies('al', 'three'), true);
  assert.equal(await verifies('al', 'one'), false);
  assert.equal(await verifies('bob smith', 'two'), true);
  assert.equal(await run('-D', path, 'al'), 0);
  assert.deepEqual(
    (await read()).split('\n').map((line) => line.split(':')[0]),
    ['# head', '', '# tail without a newline', 'bob smith', ''],
  );
  assert.deepEqual(await readdir(folder), ['passwords']);
  assert.ok(!/one|two|three/.test(said));
});

test('each format can be asked for', async () => {
  assert.equal(await run('-c', '-b', path, 'default', 'pw'), 0);
  for (const format of ['sha512', 'sha512-pbkdf2', 'argon2id', 'bcrypt', 'scrypt'])
    assert.equal(await run('-H', format, '-b', path, format, 'pw'), 0);
  const formats = (await read())
    .trim()
    .split('\n')
    .map((line) => passwordHashFormat(line.slice(line.indexOf(':') + 1)));
  assert.deepEqual(formats, ['argon2id', 'sha512', 'pbkdf2-sha512', 'argon2id', 'bcrypt', 'scrypt']);
  for (const format of ['sha512', 'sha512-pbkdf2', 'bcrypt']) assert.equal(await verifies(format, 'pw'), true);
});

test('wrong arity and unknown switches change nothing', async () => {
  await run('-c', '-b', path, 'al', 'one');
  const before = await read();
  const wrong = [
    [],
    [path],
    ['-b', path, 'al'],
    ['-b', path],
    ['-b', path, 'al', 'pw', 'more'],
    ['-c', path],
    ['-c', '-b', path, 'al'],
    ['-D', path],
    ['-D', path, 'al', 'pw'],
    ['-c', '-D', path, 'al'],
    ['-b', '-D', path, 'al', 'pw'],
    ['-U'],
    ['-U', path, 'al'],
    ['-U', '-b', path],
    ['-H', 'md5', '-b', path, 'al', 'pw'],
    ['-H', path],
    ['-H'],
    ['-cb', path, 'al', 'pw'],
    ['-x', path, 'al'],
    ['--help', path],
    ['-b', '-b', path, 'al', 'pw'],
    ['', 'al'],
  ];
  for (const args of wrong) {
    said = '';
    assert.equal(await run(...args), 1, args.join(' '));
    assert.match(said, /^usage:/);
    assert.equal(await read(), before);
  }
});

test('a username or password may begin with a dash', async () => {
  assert.equal(await run('-c', '-b', path, '-D', '-U'), 0);
  assert.equal(await verifies('-D', '-U'), true);
});

test('what cannot be done is refused and changes nothing', async () => {
  await run('-c', '-b', path, 'al', 'one');
  const before = await read();
  const refused: readonly (readonly [string[], RegExp])[] = [
    [['-b', path, 'a:b', 'pw'], /holds a ":"/],
    [['-b', path, 'a\nb', 'pw'], /control character/],
    [['-b', path, '#a', 'pw'], /begins with "#"/],
    [['-b', path, '', 'pw'], /username is empty/],
    [['-c', '-b', path, '', 'pw'], /username is empty/],
    [['-b', path, 'bob', ''], /password is empty/],
    [['-b', path, 'bob', 'x'.repeat(65_536)], /longer than 65535 bytes/],
    [['-H', 'bcrypt', '-b', path, 'bob', 'x'.repeat(73)], /at most 72 bytes/],
    [['-D', path, 'bob'], /no such user/],
    [['-b', join(folder, 'other'), 'bob', 'pw'], /no such file; -c creates it/],
    [['-D', join(folder, 'other'), 'bob'], /no such file/],
    [['-U', join(folder, 'other')], /no such file/],
    [['-c', '-b', join(folder, 'none', 'file'), 'bob', 'pw'], /cannot be written \(ENOENT\)/],
    [['-b', folder, 'bob', 'pw'], /not a regular file/],
  ];
  for (const [args, message] of refused) {
    said = '';
    assert.equal(await run(...args), 1, args.join(' '));
    assert.match(said, message);
    assert.equal(await read(), before);
  }
  assert.deepEqual(await readdir(folder), ['passwords']);
});

test('a damaged file is left alone', async () => {
  for (const text of ['al\n', ':x\n', 'al:x\nal:y\n', 'al:\n', Buffer.from('616c3aff0a', 'hex')]) {
    await writeFile(path, text);
    const before = await readFile(path);
    for (const args of [
      ['-b', path, 'bob', 'pw'],
      ['-D', path, 'al'],
      ['-U', path],
    ])
      assert.equal(await run(...args), 1, `${text} ${args}`);
    assert.deepEqual(await readFile(path), before);
  }
});

test('plain passwords are hashed once, and hashed ones stay', async () => {
  await run('-c', '-b', path, 'al', 'one');
  const hashed = await read();
  await writeFile(path, `# old\r\nbob:pass: word \r\n${hashed}cy:x`);
  assert.equal(await run('-H', 'sha512-pbkdf2', '-U', path), 0);
  const after = await read();
  assert.ok(after.includes(hashed) && after.startsWith('# old\r\n'));
  assert.equal(await verifies('bob', 'pass: word '), true);
  assert.equal(await verifies('cy', 'x'), true);
  assert.equal(await run('-U', path), 0);
  assert.equal(await read(), after);
  await writeFile(path, 'bob:$7$damaged\n');
  assert.equal(await run('-U', path), 1);
  assert.equal(await read(), 'bob:$7$damaged\n');
});

test('without -b the password is asked for twice', async () => {
  typed = ['one', 'one'];
  assert.equal(await run('-c', path, 'al'), 0);
  assert.equal(await verifies('al', 'one'), true);
  const before = await read();
  for (const [answers, message] of [
    [['one', 'two'], /do not match/],
    [['', ''], /empty/],
    [['one'], /no password was given/],
    [[], /no password was given/],
  ] as const) {
    typed = [...answers];
    said = '';
    assert.equal(await run(path, 'al'), 1);
    assert.match(said, message);
  }
  assert.equal(await read(), before);
});

test('the command reads both lines from a pipe and ends with its status', () => {
  const bin = fileURLToPath(new URL('../bin/portcullis-passwd.js', import.meta.url));
  const command = (args: string[], input: string) => spawnSync(process.execPath, [bin, ...args], { input, encoding: 'utf8', timeout: 30_000 });
  const done = command(['-H', 'bcrypt', '-c', path, 'al'], 'one\r\none\n');
  assert.deepEqual([done.status, done.stderr, done.stdout], [0, '', `${path}: added al\n`]);
  const failed = command([path, 'al'], 'one\n');
  assert.deepEqual([failed.status, failed.stdout, failed.stderr], [1, '', 'portcullis-passwd: no password was given\n']);
  assert.equal(command([], '').status, 1);
});

test('owner and a tighter mode stay, other accounts lose the file, a group keeps it only where others never had it', async () => {
  await run('-c', '-b', path, 'al', 'one');
  if (process.getuid?.() === 0) await chown(path, 0, 12_345);
  for (const [mode, expected] of [
    [0o400, 0o400],
    [0o640, 0o640],
    [0o660, 0o640],
    [0o644, 0o600],
    [0o666, 0o600],
  ] as const) {
    await chmod(path, mode);
    const { gid } = await stat(path);
    assert.equal(await run('-b', path, 'al', 'two'), 0);
    const after = await stat(path);
    assert.deepEqual([after.mode & 0o777, after.gid], [expected, gid]);
  }
});

test('a symbolic link is not followed and not replaced', async () => {
  await run('-c', '-b', path, 'al', 'one');
  const link = join(folder, 'link');
  await symlink(path, link);
  for (const args of [
    ['-b', link, 'al', 'two'],
    ['-c', '-b', link, 'al', 'two'],
    ['-D', link, 'al'],
    ['-U', link],
  ]) {
    said = '';
    assert.equal(await run(...args), 1);
    assert.match(said, /symbolic link/);
  }
  assert.equal(await verifies('al', 'one'), true);
});

test('a change made by somebody else meanwhile is not overwritten', async () => {
  await writeFile(path, 'one');
  const before = await readState(path);
  await writeFile(path, 'another');
  await assert.rejects(replaceFile(path, Buffer.from('mine'), before), /changed by another program/);
  await assert.rejects(replaceFile(path, Buffer.from('mine'), null), /changed by another program/);
  assert.equal(await read(), 'another');
  assert.deepEqual(await readdir(folder), ['passwords']);
});
