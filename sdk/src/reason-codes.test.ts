import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DENY_WORDS, type DenyWord, ReasonCode } from './reason-codes.js';

test('No reason code has two names, and each fits a byte.', () => {
  const codes = Object.values(ReasonCode);
  assert.equal(new Set(codes).size, codes.length);
  for (const code of codes) assert.ok(Number.isInteger(code) && code >= 0 && code <= 0xff);
});

test('Every reason code of MQTT 5.0 section 2.4 is there.', () => {
  const low = [0x00, 0x01, 0x02, 0x04, 0x10, 0x11, 0x18, 0x19];
  const high = Array.from({ length: 0xa2 - 0x80 + 1 }, (_, i) => 0x80 + i);
  assert.deepEqual(
    Object.values(ReasonCode).sort((a, b) => a - b),
    [...low, ...high],
  );
});

test('The list of deny words is complete.', () => {
  const every: Record<DenyWord, true> = { 'bad-credentials': true, 'not-authorized': true, banned: true, rate: true, quota: true, busy: true };
  assert.deepEqual([...DENY_WORDS].sort(), Object.keys(every).sort());
});
