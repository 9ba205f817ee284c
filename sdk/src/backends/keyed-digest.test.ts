import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyedDigest } from './keyed-digest.js';

test('parts that read alike when they are put together have keys of their own', () => {
  const digest = new KeyedDigest();
  const tuples: (string | null)[][] = [
    ['a', 'b-c'],
    ['a-b', 'c'],
    ['a', 'b', 'c'],
    ['a-b-c'],
    ['', 'a-b-c'],
    ['a-b-c', ''],
    [null, 'a-b-c'],
    ['a-b-c', null],
    ['\ud800'],
    ['\ud801'],
    ['\ufffd'],
    ['null'],
    [null],
    [''],
    [],
    ['\0\0\0\0\0'],
  ];
  assert.equal(new Set(tuples.map((parts) => digest.of(...parts))).size, tuples.length);
});

test('the same parts have the same key, which nobody else can make and which shows nothing of them', () => {
  const digest = new KeyedDigest();
  const key = digest.of('tenant', 'a secret');
  assert.equal(digest.of('tenant', 'a secret'), key);
  assert.notEqual(new KeyedDigest().of('tenant', 'a secret'), key);
  assert.match(key, /^[A-Za-z0-9_-]{43}$/);
});

test('texts of any length have keys of their own, and one leaves nothing behind for the next', () => {
  const digest = new KeyedDigest();
  const texts = ['x', 'x'.repeat(2000), 'x'.repeat(2030), 'x'.repeat(5000), `${'x'.repeat(4999)}y`, `y${'x'.repeat(4999)}`];
  const keys = texts.map((text) => digest.of('tenant', text));
  assert.equal(new Set(keys).size, texts.length);
  assert.deepEqual(
    texts.toReversed().map((text) => digest.of('tenant', text)),
    keys.toReversed(),
  );
});
