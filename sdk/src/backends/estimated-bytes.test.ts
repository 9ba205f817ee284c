import assert from 'node:assert/strict';
import { test } from 'node:test';
import { estimatedBytes } from './estimated-bytes.js';

test('what is larger counts for more, and what is held twice counts once', () => {
  const text = (length: number): string => 'x'.repeat(length);
  assert.ok(estimatedBytes(text(1000)) >= 1000);
  assert.ok(estimatedBytes([text(1000), text(500)]) >= 1500);
  assert.ok(estimatedBytes({ a: text(1000), b: { c: text(1000) } }) >= 2000);
  assert.ok(estimatedBytes(Object.assign(Object.create(null), { [text(1000)]: true })) >= 1000);
  const actions = [text(1000)];
  assert.ok(estimatedBytes([{ actions }, { actions }]) < 1500);
  for (const empty of [undefined, null, true, Symbol('x'), () => {}]) assert.equal(estimatedBytes(empty), 0);
});

test('one wide character makes a text take two bytes for each of its characters', () => {
  const narrow = 'x'.repeat(1000);
  assert.ok(estimatedBytes(narrow) < 1100);
  for (const wide of ['Ω', '漢', '😀']) assert.ok(estimatedBytes(narrow + wide) >= 2000, wide);
});

test('a value within itself ends', () => {
  const ring: unknown[] = [];
  ring.push(ring);
  assert.ok(estimatedBytes(ring) > 0);
});
