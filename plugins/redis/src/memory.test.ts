import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decoyHash } from '@portcullis/sdk/passwords';
import { Decoys, isUnchanged, Memory, memoryOf } from './memory.js';
import { HASH, OTHER_HASH } from './redis.test.support.js';

const USER = { epoch: 'e', version: 1, hash: HASH, enabled: true, groups: [], attributes: { a: 1, b: true }, rules: [] } as const;

test('the highest version of an object counts, and that of another history says nothing', () => {
  const memory = new Memory();
  memory.see('key', 'first', 7);
  memory.see('key', 'first', 5);
  assert.equal(memory.seen('key', 'first'), 7);
  assert.equal(memory.seen('key', 'second'), 0);
  memory.see('key', 'second', 2);
  assert.equal(memory.seen('key', 'second'), 2);
  assert.equal(memory.seen('other', 'second'), 0);
});

test('a memory that is full forgets what it learnt first, and nothing else', () => {
  const memory = new Memory();
  const standing = memory.standingOf(USER);
  for (let number = 0; number <= 200_000; number += 1) {
    memory.see(`key-${number}`, 'e', 1);
    memory.know(`key-${number}`, standing);
  }
  assert.deepEqual([memory.seen('key-0', 'e'), memory.known('key-0')], [0, undefined]);
  assert.equal(memory.seen('key-1', 'e'), 1);
  assert.equal(memory.known('key-200000'), standing);
});

test('another password and other attributes show, and neither the hash nor their order does', () => {
  const memory = new Memory();
  const standing = memory.standingOf(USER);
  assert.deepEqual(memory.standingOf({ ...USER, attributes: { b: true, a: 1 } }), standing);
  assert.notEqual(memory.standingOf({ ...USER, hash: OTHER_HASH }).password, standing.password);
  for (const attributes of [{ a: 1 }, { a: '1', b: true }, { a: 1, b: 'true' }, { a: 1, b: true, c: 1 }]) {
    assert.notEqual(memory.standingOf({ ...USER, attributes }).attributes, standing.attributes);
  }
  assert.ok(!JSON.stringify(standing).includes(HASH));
});

test('a source is remembered as long as not too many others came', () => {
  const first = memoryOf('source-0');
  assert.equal(memoryOf('source-0'), first);
  for (let number = 1; number <= 32; number += 1) memoryOf(`source-${number}`);
  assert.notEqual(memoryOf('source-0'), first);
});

test('a stranger is measured by the kinds of hashes that users have, always by the same', () => {
  const decoys = new Decoys(decoyHash);
  assert.equal(decoys.for('stranger'), undefined);
  decoys.note(HASH);
  decoys.note(HASH.replace('wALm', 'wALn'));
  decoys.note('$9$absurd');
  const decoy = decoys.for('stranger') ?? '';
  assert.match(decoy, /^\$7\$101\$/);
  assert.notEqual(decoy, HASH);
  decoys.note(OTHER_HASH);
  const drawn = new Set(Array.from({ length: 200 }, (_, index) => decoys.for(`stranger-${index}`)?.slice(0, 3)));
  assert.deepEqual(drawn, new Set(['$7$', '$6$']));
  for (let index = 0; index < 20; index += 1) assert.equal(decoys.for(`stranger-${index}`), decoys.for(`stranger-${index}`));
  for (let cost = 1; cost <= 40; cost += 1) decoys.note(HASH.replace('$101$', `$${100 + cost}$`));
  const kinds = new Set(Array.from({ length: 2000 }, (_, index) => decoys.for(`stranger-${index}`)));
  assert.equal(kinds.size, 16);
});

test('who stands as he did is not asked about again, whether his version was in doubt or he has been looked at in between', () => {
  const memory = new Memory();
  const now = { epoch: 'e', version: 7, password: 'p', attributes: 'a', rights: 'r' };
  memory.know('key', now);
  assert.equal(isUnchanged(memory.known('key'), now), true);
  memory.doubtVersions();
  assert.equal(isUnchanged(memory.known('key'), now), true);
  for (const other of [{ epoch: 'f' }, { password: '' }, { attributes: '' }, { rights: '' }]) {
    assert.equal(isUnchanged(memory.known('key'), { ...now, ...other }), false, JSON.stringify(other));
  }
  assert.equal(isUnchanged({ ...now, version: 6 }, now), false);
  assert.equal(isUnchanged(undefined, now), false);
});
