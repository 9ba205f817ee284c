import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Decoys } from './decoys.js';
import { passwordHashFormat } from './formats.js';
import { hashPassword } from './hash-password.js';
import { verifyPassword } from './verify-password.js';

test('a decoy is of a kind that was met, is no hash that was met, and verifies nothing', async () => {
  const decoys = new Decoys();
  assert.equal(decoys.for('stranger'), null);
  const stored = await hashPassword('secret', { format: 'pbkdf2-sha512', pbkdf2: { iterations: 1000 } });
  decoys.met(stored);
  const decoy = decoys.for('stranger') ?? '';
  assert.match(decoy, /^\$7\$1000\$/);
  assert.notEqual(decoy, stored);
  assert.equal(await verifyPassword(Buffer.from('secret'), decoy), false);
});

test('a name draws the same decoy each time, names draw from all kinds and costs, and each is kept once', async () => {
  const decoys = new Decoys();
  const cheap = { memoryKiB: 64, passes: 1, parallelism: 1 };
  for (const options of [
    { format: 'argon2id', argon2id: cheap },
    { format: 'argon2id', argon2id: cheap },
    { format: 'argon2id', argon2id: { ...cheap, passes: 2 } },
    { format: 'bcrypt', bcrypt: { cost: 4 } },
    { format: 'scrypt', scrypt: { logN: 4 } },
    { format: 'sha512' },
  ] as const) {
    decoys.met(await hashPassword('secret', options));
  }
  for (const unusable of ['', 'plain', '$9$x', '$argon2id$v=19$m=64,t=3,p=1$damaged']) decoys.met(unusable);
  const drawn = new Set(Array.from({ length: 200 }, (_, i) => decoys.for(`name${i}`)));
  assert.equal(drawn.size, 5);
  assert.ok([...drawn].every((decoy) => decoy !== null && passwordHashFormat(decoy) !== null));
  assert.equal(decoys.for('name1'), decoys.for('name1'));
});

test('no more kinds are kept than an installation may have', async () => {
  const decoys = new Decoys();
  for (let iterations = 1; iterations <= 40; iterations += 1)
    decoys.met(await hashPassword('s', { format: 'pbkdf2-sha512', pbkdf2: { iterations } }));
  assert.ok(new Set(Array.from({ length: 1000 }, (_, i) => decoys.for(`name${i}`))).size <= 16);
});
