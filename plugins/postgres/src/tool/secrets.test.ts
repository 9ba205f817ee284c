import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { passwordHashFormat, verifyPassword } from '@portcullis/sdk/passwords';
import { Bench, runTool } from './tool.test.support.js';

const hashOf = async (bench: Bench, name: string) =>
  String((await bench.rows(`select password_hash from portcullis.users where username = '${name}'`))[0]?.password_hash);
const verifies = async (bench: Bench, name: string, password: string) => verifyPassword(Buffer.from(password), await hashOf(bench, name));

test('each format can be asked for', async (t) => {
  const bench = await Bench.open(t);
  for (const format of ['sha512', 'sha512-pbkdf2', 'argon2id', 'bcrypt', 'scrypt']) {
    await bench.done(`user add -b -H ${format} ${format} pw`);
    assert.equal(passwordHashFormat(await hashOf(bench, format)), format === 'sha512-pbkdf2' ? 'pbkdf2-sha512' : format);
    assert.equal(await verifies(bench, format, 'pw'), true);
  }
});

test('names and passwords may begin with a dash, behind two of them', async (t) => {
  const bench = await Bench.open(t);
  await bench.done('user add -b -- -D --url');
  assert.equal(await verifies(bench, '-D', '--url'), true);
});

test('the command takes a password from a pipe that stays open, and says how it ended', async (t) => {
  const bench = await Bench.open(t);
  const command = fileURLToPath(new URL('../../bin/portcullis-postgres.js', import.meta.url));
  const run = (input: string, ...args: readonly string[]) =>
    new Promise<[code: number | null, out: string, error: string]>((resolve, reject) => {
      const child = spawn(process.execPath, [command, ...args], { env: { ...process.env, PORTCULLIS_POSTGRES_URL: bench.url } });
      let out = '';
      let error = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        out += text;
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        error += text;
      });
      child.once('error', reject);
      child.once('close', (code) => {
        child.stdin.destroy();
        resolve([code, out, error]);
      });
      child.stdin.on('error', () => undefined);
      child.stdin.write(input);
    });
  assert.deepEqual(await run('from a pipe\nfrom a pipe\n', 'user', 'add', 'ann'), [0, 'added user ann\n', '']);
  assert.equal(await verifies(bench, 'ann', 'from a pipe'), true);
  assert.deepEqual(await run('one\ntwo\n', 'user', 'passwd', 'ann'), [1, '', 'portcullis-postgres: the passwords do not match\n']);
  assert.deepEqual(await run('', 'frob'), [2, '', 'portcullis-postgres: there is no command "frob"; --help shows all commands\n']);
});

test('a password reaches neither output nor the server', async (t) => {
  const bench = await Bench.open(t);
  const sent: Buffer[] = [];
  const { hostname, port, pathname } = new URL(bench.url);
  const proxy = createServer((socket) => {
    const server = connect(Number(port), hostname);
    socket.on('data', (bytes) => sent.push(bytes));
    socket.pipe(server).pipe(socket);
    for (const one of [socket, server]) one.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  t.after(() => proxy.close());
  const address = proxy.address();
  const url = `postgres://postgres@127.0.0.1:${typeof address === 'object' ? address?.port : 0}${pathname}`;
  const secret = 'Canary-7f3a9c21';
  let all = '';
  for (const [args, typed] of [
    [
      ['user', 'add', 'ann'],
      [secret, secret],
    ],
    [
      ['user', 'add', 'ann'],
      [secret, secret],
    ],
    [
      ['user', 'passwd', 'ann'],
      [secret, secret],
    ],
    [
      ['user', 'passwd', 'ann'],
      [secret, 'other'],
    ],
    [['user', 'passwd', '-b', 'zoe', secret], []],
    [['user', 'passwd', '-b', '-H', 'bcrypt', 'ann', secret.repeat(9)], []],
    [['user', 'passwd', 'ann', secret], []],
    [['user', 'passwd', '-b', 'ann', `--${secret}`], []],
    [['user', 'passwd', '-b', 'ann', 'x', secret], []],
    [['check'], []],
    [['user', 'list'], []],
  ] as const) {
    const { out, error } = await runTool(args, { env: { PORTCULLIS_POSTGRES_URL: url }, typed });
    all += out + error;
  }
  assert.ok(sent.length > 0 && all.includes('changed the password of user ann'));
  assert.ok(!all.includes(secret), all);
  assert.ok(!Buffer.concat(sent).includes(secret));
});
