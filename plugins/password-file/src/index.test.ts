import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { InvalidPluginConfig } from '@portcullis/sdk';
import { hashPassword } from '@portcullis/sdk/passwords';
import { FakeContext } from './fake-context.js';
import plugin from './index.js';

const ALICE = 'alice:$7$101$P3oFgCKlVM3D+4hf$2wALm6UtUvq+dHg5nC0lPyY8RL6AXds0OOAdQ7uysuxYARPK6EwCdpoZDX3ZDkNvAVO/G5RLPvsOcDy74q5IwQ==';
const BOB = 'bob:$6$HuSKjQSBqmZIW+ps$tslRMECgMjmkBnc0GDVlVmt5CdYnF2cM+a3cVJky69mjrMf9ZGBiKh6fYjv/ThqHEX7Fkg5xrfi8SVRU7Sf4ww==';
const CAROL = 'carol with space:$7$101$GNRBN0K8Sn7BMPAT$1iDONcyUYeuYdXKt0Oz11z4wWBhmLtEuTzn5WK7xSvwldu2yZQHpbAiOKKbe2Qt0cQ82A2cEHWSCUsMkGHy+ow==';

let folder: string;
let path: string;
let host: FakeContext;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'passwords-'));
  path = join(folder, 'passwords');
  host = new FakeContext(folder);
});

afterEach(() => rm(folder, { recursive: true }));

async function write(text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600 });
}

async function start(watch = false): Promise<void> {
  const config = Object.freeze(Object.assign(Object.create(null), { file: 'passwords', watch }));
  await plugin.start(host.context, config);
}

test('users of a file that mosquitto_passwd wrote come in with their own password only', async () => {
  await write(`# the fleet\n\n${ALICE}\r\n${BOB}\n${CAROL}`);
  await start();
  assert.deepEqual(await host.login('alice', 'correct horse'), ['allow', { identity: { username: 'alice' } }]);
  assert.deepEqual(await host.login('bob', 'pässwörd'), ['allow', { identity: { username: 'bob' } }]);
  assert.deepEqual(await host.login('carol with space', 'a:b '), ['allow', { identity: { username: 'carol with space' } }]);
  for (const password of ['', 'Correct horse', 'correct horse ', 'correct horse\0', null]) {
    assert.deepEqual(await host.login('alice', password), ['deny', 'bad-credentials']);
  }
});

test('who is not in the file, or brings no username, is left to the next authority', async () => {
  await write(`${ALICE}\n`);
  await start();
  for (const name of ['Alice', 'alice ', 'alic', '', 'constructor', '__proto__', 'alice:$7$101$P3oFgCKlVM3D+4hf$', '# the fleet']) {
    assert.deepEqual(await host.login(name, 'correct horse'), ['skip']);
  }
  assert.deepEqual(await host.login(null, null), ['skip']);
  assert.deepEqual(await host.login(null, 'correct horse'), ['skip']);
});

test('an unknown user costs a check of the kind that the file holds, the same at each try, and never comes in', async () => {
  const cheap = await hashPassword(Buffer.from('x'), { format: 'pbkdf2-sha512', pbkdf2: { iterations: 55 } });
  await write(`${ALICE}\neve:${cheap}\n`);
  await start();
  const kinds = new Set<string>();
  for (let i = 0; i < 64; i++) {
    host.verified.length = 0;
    for (let again = 0; again < 2; again++) assert.deepEqual(await host.login(`nobody ${i}`, 'correct horse'), ['skip']);
    const [first, second] = host.verified.map((hash) => /^\$7\$\d+\$/.exec(hash ?? '')?.[0]);
    assert.equal(first, second);
    kinds.add(first as string);
  }
  assert.deepEqual([...kinds].sort(), ['$7$101$', '$7$55$']);
});

test('an unknown user and a wrong password cost one comparison each, of the same format, cost and lengths, whatever the format is', async () => {
  /** What the work depends on: everything but the salt and the digest, and of those the length. */
  const costOf = (stored: string | null | undefined): string => (stored ?? '').replace(/[A-Za-z0-9+/.=]{16,}/g, (text) => `<${text.length}>`);
  for (const format of ['argon2id', 'scrypt', 'bcrypt', 'pbkdf2-sha512', 'sha512'] as const) {
    const stored = await hashPassword(Buffer.from('right'), { format, pbkdf2: { iterations: 55 } });
    await write(`alice:${stored}\n`);
    host = new FakeContext(folder);
    await start();
    assert.deepEqual(await host.login('alice', 'wrong'), ['deny', 'bad-credentials']);
    assert.deepEqual(await host.login('nobody', 'wrong'), ['skip']);
    const [known, unknown, ...more] = host.verified;
    assert.deepEqual([costOf(unknown), more], [costOf(known), []], format);
    assert.ok(costOf(known).includes('<') && known === stored && unknown !== stored, format);
  }
});

test('an empty file lets nobody in and says so', async () => {
  await write('# nobody yet\n');
  await start();
  assert.deepEqual(await host.login('alice', 'correct horse'), ['skip']);
  assert.deepEqual(host.verified, [null]);
  assert.deepEqual(host.logged, [['warn', 'the password file holds no user']]);
});

test('a missing or damaged file stops the start and says what to do', async () => {
  await assert.rejects(
    start(),
    (error: unknown) => error instanceof InvalidPluginConfig && error.message.endsWith(`portcullis-passwd -c ${path} <username>`),
  );
  await write(`${ALICE}\nbob:secret word\n`);
  await assert.rejects(start(), (error: unknown) => {
    assert.ok(error instanceof InvalidPluginConfig);
    assert.equal(error.message, `${path}:2: the password is not hashed; run: portcullis-passwd -U ${path}`);
    return true;
  });
});

test('a file that other accounts may read is complained about', async () => {
  await write(`${ALICE}\n`);
  await chmod(path, 0o644);
  await start();
  assert.match(host.logged[0]?.[1] as string, /chmod 600/);
});

test('after a change the users that are gone or have another hash are disconnected, and nobody else', async () => {
  await write(`${ALICE}\n${BOB}\n${CAROL}\n`);
  await start();
  await write(`${ALICE}\nbob:${CAROL.slice(CAROL.indexOf(':') + 1)}\n`);
  await host.reload();
  assert.deepEqual(host.disconnected, [
    ['bob', 0x87],
    ['carol with space', 0x87],
  ]);
  assert.deepEqual(await host.login('bob', 'pässwörd'), ['deny', 'bad-credentials']);
  assert.deepEqual(await host.login('bob', 'a:b '), ['allow', { identity: { username: 'bob' } }]);
  assert.deepEqual(await host.login('carol with space', 'a:b '), ['skip']);
});

test('a file that loses thousands of users disconnects them in slices', async () => {
  const stored = ALICE.slice(ALICE.indexOf(':'));
  await write(Array.from({ length: 250 }, (_, i) => `user${i}${stored}`).join('\n'));
  await start();
  await write(`${ALICE}\n`);
  await host.reload();
  assert.equal(host.disconnected.length, 100);
  for (let turn = 0; turn < host.later.length; turn++) host.later[turn]?.();
  assert.equal(new Set(host.disconnected.map(([name]) => name)).size, 250);
  assert.equal(host.later.length, 2);
});

test('a user taken out while the password is being verified does not come in', async () => {
  await write(`${ALICE}\n${BOB}\n`);
  await start();
  await write(`${BOB}\n`);
  host.meanwhile = async () => host.reload();
  assert.deepEqual(await host.login('alice', 'correct horse'), ['deny', 'bad-credentials']);
});

test('a damaged file on a reload leaves the old users in force', async () => {
  await write(`${ALICE}\n`);
  await start();
  await write('alice\n');
  await assert.rejects(async () => host.reload(), /passwords:1: holds no ":".*; the users read before stay in force$/);
  assert.deepEqual(host.disconnected, []);
  assert.deepEqual((await host.login('alice', 'correct horse'))[0], 'allow');
  await rm(path);
  await assert.rejects(async () => host.reload(), /there is no such file/);
  assert.deepEqual((await host.login('alice', 'correct horse'))[0], 'allow');
});

test('the file is watched unless that is switched off', async () => {
  await write(`${ALICE}\n`);
  await start(false);
  assert.equal(host.ticks.length, 0);
  await start(true);
  assert.equal(host.ticks.length, 1);
});

test('a lease is renewed for users of the file alone', async () => {
  await write(`${ALICE}\n`);
  await start();
  assert.deepEqual(await host.refresh({ username: 'alice' }), ['allow', undefined]);
  assert.deepEqual(await host.refresh({ username: 'bob' }), ['deny', 'not-authorized']);
  assert.deepEqual(await host.refresh({ anonymous: true }), ['deny', 'not-authorized']);
});

test('the next generation disconnects whose password was changed since the one before it read the file', async () => {
  await write(`${ALICE}\n${BOB}\n`);
  await start();
  await write(`${ALICE}\n${BOB.replace('HuSKjQSBqmZIW', 'HuSKjQSBqmZIX')}\n`);
  const next = new FakeContext(folder);
  await plugin.start(next.context, Object.freeze({ file: 'passwords', watch: false }));
  assert.deepEqual(next.disconnected, [['bob', 0x87]]);
  for (const dispose of [...host.disposers, ...next.disposers]) await dispose();
  const later = new FakeContext(folder);
  await plugin.start(later.context, Object.freeze({ file: 'passwords', watch: false }));
  assert.deepEqual(later.disconnected, []);
});
