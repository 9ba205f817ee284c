import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HASH_KINDS, rankDistance, timeLogins } from './login-times.js';

test('Figures of the same kind lie close to each other, and a small shift that all of them have shows.', () => {
  const figures = (shift: number): number[] => Array.from({ length: 400 }, (_, i) => ((i * 7919) % 400) + shift);
  assert.equal(rankDistance(figures(0), figures(0)), 0);
  assert.ok(Math.abs(rankDistance(figures(0), figures(4))) < 2);
  assert.ok(rankDistance(figures(0), figures(60)) < -4);
  assert.ok(rankDistance(figures(60), figures(0)) > 4);
  assert.ok(Math.abs(rankDistance([1, 2, 3, 1e9], [1, 2, 3, 4])) < 1, 'an outlier counts once');
});

test('A wrong password and an unknown name are refused with the same bytes, whatever the hash.', async () => {
  for (const kind of HASH_KINDS) {
    const { wrongPassword, unknownUser } = await timeLogins(kind, 2);
    assert.deepEqual([wrongPassword.length, unknownUser.length], [2, 2]);
  }
});
