import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatStoredHash, parseStoredHash } from './formats.js';
import { decoyHash, type HashOptions, hashPassword, isPasswordHash, passwordHashFormat, verifyPassword } from './index.js';

const bytes = (text: string) => Buffer.from(text, 'utf8');

/** Costs that are quick to pay; the formats are what is under test. */
const CHEAP: readonly HashOptions[] = [
  { format: 'argon2id', argon2id: { memoryKiB: 16, passes: 1 } },
  { format: 'scrypt', scrypt: { logN: 4 } },
  { format: 'pbkdf2-sha512', pbkdf2: { iterations: 2 } },
  { format: 'sha512' },
  { format: 'bcrypt', bcrypt: { cost: 4 } },
];

/** Made by mosquitto_passwd 2.0.11, libxcrypt, Python's hashlib and the vectors of the Argon2 reference implementation. */
const FOREIGN: readonly (readonly [password: string, stored: string])[] = [
  ['correct horse', '$7$101$P3oFgCKlVM3D+4hf$2wALm6UtUvq+dHg5nC0lPyY8RL6AXds0OOAdQ7uysuxYARPK6EwCdpoZDX3ZDkNvAVO/G5RLPvsOcDy74q5IwQ=='],
  ['a:b ', '$7$101$GNRBN0K8Sn7BMPAT$1iDONcyUYeuYdXKt0Oz11z4wWBhmLtEuTzn5WK7xSvwldu2yZQHpbAiOKKbe2Qt0cQ82A2cEHWSCUsMkGHy+ow=='],
  ['pässwörd', '$6$HuSKjQSBqmZIW+ps$tslRMECgMjmkBnc0GDVlVmt5CdYnF2cM+a3cVJky69mjrMf9ZGBiKh6fYjv/ThqHEX7Fkg5xrfi8SVRU7Sf4ww=='],
  ['abc', '$2b$05$abcdefghijklmnopqrstuuRWUgMyyCUnsDr8evYotXg5ZXVF/HhzS'],
  ['pässwörd', '$2y$04$N9qo8uLOickgx2ZMRZoMyeVE0Gfkvlqp6DLtAlfhGw0O/hgr/H5Z6'],
  ['', '$2a$04$N9qo8uLOickgx2ZMRZoMyexhJu7XyhFyrko6QMKtD6uvGcfCxpYoK'],
  ['x'.repeat(72), '$2b$04$N9qo8uLOickgx2ZMRZoMyedlslr.Jty7xCSm4JGSxc8PDTmSzo582'],
  ['password', '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4'],
  [
    'pleaseletmein',
    '$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw',
  ],
];

test('hashes made by other programs verify their password and no neighbour of it', async () => {
  for (const [password, stored] of FOREIGN) {
    assert.equal(isPasswordHash(stored), true, stored);
    assert.equal(await verifyPassword(bytes(password), stored), true, stored);
    for (const other of neighbours(bytes(password))) assert.equal(await verifyPassword(other, stored), false, `${stored} ${other.toString('hex')}`);
  }
});

test('a password verifies against its own hash in each format and no other password does', async () => {
  for (const options of CHEAP) {
    for (const password of ['a', 'Secret 1', 'é', 'p'.repeat(64)]) {
      const stored = await hashPassword(bytes(password), options);
      assert.equal(passwordHashFormat(stored), options.format);
      assert.equal(await verifyPassword(bytes(password), stored), true);
      for (const other of neighbours(bytes(password)))
        assert.equal(await verifyPassword(other, stored), false, `${options.format} ${other.toString('hex')}`);
    }
  }
});

test('a random other password never verifies', async () => {
  const format = fc.constantFrom(...CHEAP);
  const password = fc.uint8Array({ maxLength: 80 });
  await fc.assert(
    fc.asyncProperty(format, password, password, async (options, one, other) => {
      const stored = await hashPassword(one, options).catch((error: unknown) => {
        assert.ok(error instanceof RangeError);
        return null;
      });
      if (stored === null) return;
      assert.equal(await verifyPassword(one, stored), true);
      assert.equal(await verifyPassword(other, stored), Buffer.compare(one, other) === 0);
    }),
    { numRuns: 300 },
  );
});

test('passwords that a format cannot tell apart are refused when hashing and never verify', async () => {
  const [, scrypt, pbkdf2, , bcrypt] = CHEAP as [HashOptions, HashOptions, HashOptions, HashOptions, HashOptions];
  for (const [options, password] of [
    [bcrypt, 'x'.repeat(73)],
    [bcrypt, 'a\0a'],
    [pbkdf2, 'a\0'],
    [pbkdf2, 'x'.repeat(129)],
    [scrypt, 'a\0'],
    [scrypt, 'x'.repeat(65)],
  ] as const) {
    await assert.rejects(
      hashPassword(bytes(password), options),
      (error: unknown) => error instanceof RangeError && !error.message.includes(password),
    );
  }
  await assert.rejects(hashPassword(Buffer.from([0xff, 0xfe]), bcrypt), RangeError);
  const full = await hashPassword(bytes('x'.repeat(72)), bcrypt);
  assert.equal(await verifyPassword(bytes('x'.repeat(73)), full), false);
  assert.equal(await verifyPassword(bytes('x'.repeat(71)), full), false);
});

test('nothing stored never verifies, whatever the password and the dummy', async () => {
  const [cheap] = CHEAP as [HashOptions];
  const dummy = await hashPassword(bytes('dummy'), cheap);
  for (const stored of [null, undefined, '', ' ', 'plain', '$', '$7$', '*', 'null']) {
    for (const password of ['', 'plain', 'dummy', 'null']) {
      assert.equal(await verifyPassword(bytes(password), stored, { dummy }), false);
      assert.equal(await verifyPassword(bytes(password), stored, { dummy: 'no hash' }), false);
    }
  }
});

test('hashes beyond the cost limits, malformed or of unknown kinds are not usable', async () => {
  const salt = 'AAAAAAAAAAAAAAAA';
  const digest = Buffer.alloc(64, 7).toString('base64');
  const short = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
  const bcryptTail = 'abcdefghijklmnopqrstuuRWUgMyyCUnsDr8evYotXg5ZXVF/HhzS';
  const refused = [
    `$7$10000001$${salt}$${digest}`,
    `$7$0$${salt}$${digest}`,
    `$7$-1$${salt}$${digest}`,
    `$7$007$${salt}$${digest}`,
    `$7$1e3$${salt}$${digest}`,
    `$7$101$${salt}$${digest}$`,
    `$7$101$${salt}$${digest}\n`,
    `$7$101$$${digest}`,
    `$7$101$${salt}$`,
    `$6$${salt}$${digest.slice(0, -4)}`,
    `$6$${salt.slice(0, 15)}$${digest}`,
    `$6$rounds=5000$${salt}$${digest}`,
    `$6$saltsalt$${'a'.repeat(86)}`,
    `$argon2id$v=19$m=1048577,t=1,p=1$${salt}$${short}`,
    `$argon2id$v=19$m=1048576,t=100,p=1$${salt}$${short}`,
    `$argon2id$v=19$m=19456,t=101,p=1$${salt}$${short}`,
    `$argon2id$v=19$m=7,t=1,p=1$${salt}$${short}`,
    `$argon2id$v=18$m=19456,t=1,p=1$${salt}$${short}`,
    `$argon2id$m=19456,t=1,p=1$${salt}$${short}`,
    `$argon2i$v=19$m=19456,t=2,p=1$${salt}$${short}`,
    `$argon2d$v=19$m=19456,t=2,p=1$${salt}$${short}`,
    `$scrypt$ln=19,r=8,p=1$${salt}$${short}`,
    `$scrypt$ln=17,r=8,p=9$${salt}$${short}`,
    `$scrypt$ln=0,r=8,p=1$${salt}$${short}`,
    `$scrypt$ln=16,r=1,p=1$${salt}$${short}`,
    `$2b$17$${bcryptTail}`,
    `$2b$03$${bcryptTail}`,
    `$2x$05$${bcryptTail}`,
    `$2$05$${bcryptTail}`,
    `$2b$05$${bcryptTail}x`,
    `$2b$05$${bcryptTail.slice(1)}`,
    '$1$abcdefgh$0123456789abcdefghijkl',
    '{SSHA}AAAA',
    'x'.repeat(100_000),
  ];
  for (const stored of refused) assert.equal(isPasswordHash(stored), false, stored.slice(0, 80));
  const dummy = await hashPassword(bytes('d'), CHEAP[0]);
  for (const stored of refused) assert.equal(await verifyPassword(bytes('abc'), stored, { dummy }), false);
});

test('costs beyond the limits are refused when hashing', async () => {
  for (const options of [
    { format: 'argon2id', argon2id: { memoryKiB: 2 ** 21 } },
    { format: 'argon2id', argon2id: { passes: 0 } },
    { format: 'scrypt', scrypt: { logN: 30 } },
    { format: 'pbkdf2-sha512', pbkdf2: { iterations: 1.5 } },
    { format: 'bcrypt', bcrypt: { cost: 17 } },
    { format: 'md5' },
  ]) {
    await assert.rejects(hashPassword(bytes('x'), options as HashOptions), RangeError);
  }
});

test('a parsed hash is written as it was read, and a decoy differs from it in salt and digest only', async () => {
  const [, , , foreign] = FOREIGN as [unknown, unknown, unknown, readonly [string, string]];
  for (const [password, stored] of [...FOREIGN, foreign]) {
    const parsed = parseStoredHash(stored);
    assert.ok(parsed !== null);
    assert.equal(formatStoredHash(parsed), stored);
    const decoy = parseStoredHash(decoyHash(stored) as string);
    assert.ok(decoy !== null);
    assert.notEqual(formatStoredHash(decoy), stored);
    assert.deepEqual({ ...decoy, salt: 0, digest: 0 }, { ...parsed, salt: 0, digest: 0 });
    assert.equal(decoy.digest.length, parsed.digest.length);
    assert.equal(await verifyPassword(bytes(password), formatStoredHash(decoy)), false);
  }
  assert.equal(decoyHash('plain'), null);
});

test('mutated hashes never throw, and verify only while they still mean the same', async () => {
  const dummy = await hashPassword(bytes('d'), CHEAP[0]);
  const seeds: string[] = [];
  for (const options of CHEAP) seeds.push(await hashPassword(bytes('right'), options));
  let usable = 0;
  const mutation = fc.record({
    seed: fc.nat(seeds.length - 1),
    at: fc.nat(130),
    remove: fc.nat(3),
    insert: fc.string({ maxLength: 3, unit: 'binary' }),
  });
  fc.assert(
    fc.property(mutation, ({ seed, at, remove, insert }) => {
      const original = seeds[seed] as string;
      const text = original.slice(0, at) + insert + original.slice(at + remove);
      const parsed = parseStoredHash(text);
      assert.equal(isPasswordHash(text), parsed !== null);
      if (parsed !== null) usable++;
      if (parsed !== null) assert.equal(formatStoredHash(parsed), text);
    }),
    { numRuns: 20_000 },
  );
  assert.ok(usable > 0);
  await fc.assert(
    fc.asyncProperty(fc.nat(seeds.length - 1), fc.nat(130), fc.string({ maxLength: 2 }), async (seed, at, insert) => {
      const original = seeds[seed] as string;
      const text = original.slice(0, at) + insert + original.slice(at + insert.length);
      const parsed = parseStoredHash(text);
      // A digit more can cost seconds within the limits; that is not what is under test.
      if (parsed?.format === 'bcrypt' && parsed.cost > 6) return;
      // A longer output of scrypt or PBKDF2 begins as the shorter one: one digest in 256 goes on with the byte that was added, and is right.
      if (parsed !== null && text.length > original.length && text.startsWith(original)) return;
      // The variant letter of bcrypt is a name for one and the same function.
      const same = text === original || (parsed?.format === 'bcrypt' && text.slice(4) === original.slice(4));
      assert.equal(await verifyPassword(bytes('right'), text, { dummy }), same, text);
    }),
    { numRuns: 300 },
  );
});

/** Passwords that careless code takes for the given one. */
function neighbours(password: Buffer): Buffer[] {
  const text = password.toString('utf8');
  const candidates = [
    text.toUpperCase(),
    text.toLowerCase(),
    text.normalize('NFD'),
    text.normalize('NFC'),
    `${text} `,
    ` ${text}`,
    `${text}\0`,
    `${text}\0\0`,
    `${text}\0${text}`,
    `${text}\n`,
    text.trim(),
    text.slice(0, -1),
    text.slice(0, 8),
    text + text,
    '',
    '\0',
  ].map((candidate) => bytes(candidate));
  return candidates.filter((candidate) => !candidate.equals(password));
}

test('a password given as text is hashed as its bytes in UTF-8', async () => {
  const stored = await hashPassword('pässwörd', { format: 'sha512' });
  assert.equal(await verifyPassword(bytes('pässwörd'), stored), true);
  assert.equal(await verifyPassword(Buffer.from('pässwörd', 'latin1'), stored), false);
});
