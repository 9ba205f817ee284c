import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS, makeLimits } from './limits.js';

test('Every limit has a default within its bounds and says why it is there.', () => {
  for (const [name, { default: value, minimum, maximum, reason }] of Object.entries(LIMITS)) {
    assert.ok(Number.isInteger(value) && minimum <= value && value <= maximum, name);
    assert.match(reason, /\.$/, name);
  }
});

test('A name that ends in its unit has that unit.', () => {
  for (const [name, { unit }] of Object.entries(LIMITS)) {
    if (name.endsWith('Ms')) assert.equal(unit, 'milliseconds', name);
    if (/Bytes$/.test(name)) assert.equal(unit, 'bytes', name);
  }
});

test('Limits that are not set are the defaults, and nobody can change them afterwards.', () => {
  const limits = makeLimits({ maxPacketBytes: 300 });
  assert.equal(limits.maxPacketBytes, 300);
  assert.equal(limits.preAuthBytes, LIMITS.preAuthBytes.default);
  assert.deepEqual(Object.keys(limits).sort(), Object.keys(LIMITS).sort());
  assert.throws(() => Object.assign(limits, { maxPacketBytes: 1 }), TypeError);
});
