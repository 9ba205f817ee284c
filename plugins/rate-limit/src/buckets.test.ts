import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Buckets, holds, type Rate } from './buckets.js';

const RATE: Rate = { perSecond: 2, burst: 4 };

/** Takes as much as there is, one at a time; gives how many that were. */
function drain(buckets: Buckets, key: string, now: number, rate = RATE): number {
  for (let taken = 0; ; taken += 1) {
    const bucket = buckets.at(key, rate, now);
    if (!holds(bucket, 1, rate, now)) return taken;
    bucket.tokens -= 1;
  }
}

test('A key has its burst at once, then so many a second, and never more than its burst.', () => {
  const buckets = new Buckets(10);
  assert.equal(drain(buckets, 'a', 0), 4);
  assert.equal(drain(buckets, 'a', 499), 0);
  assert.equal(drain(buckets, 'a', 500), 1);
  assert.equal(drain(buckets, 'a', 1500), 2);
  assert.equal(drain(buckets, 'a', 1_000_000), 4);
  assert.equal(drain(buckets, 'b', 1_000_000), 4);
});

test('What is larger than the burst may come when the bucket is full, and is paid for afterwards.', () => {
  const buckets = new Buckets(10);
  const first = buckets.at('a', RATE, 0);
  assert.equal(holds(first, 100, RATE, 0), true);
  first.tokens -= 100;
  assert.equal(holds(buckets.at('a', RATE, 47_000), 1, RATE, 47_000), false);
  assert.equal(holds(buckets.at('a', RATE, 48_500), 1, RATE, 48_500), true);
  assert.equal(holds(buckets.at('a', RATE, 48_500), 100, RATE, 48_500), false);
});

test('A closed bucket gives nothing until its time is over, however full it is.', () => {
  const buckets = new Buckets(10);
  buckets.at('a', RATE, 0).closedUntil = 10_000;
  assert.equal(drain(buckets, 'a', 9999), 0);
  assert.equal(drain(buckets, 'a', 10_000), 4);
});

test('Full: who has used something is not forgotten for those who come new, and these are counted together.', () => {
  const buckets = new Buckets(100);
  for (let i = 0; i < 100; i += 1) drain(buckets, `known ${i}`, 0);
  // Many more names than there are places for, or shared buckets: they get what these hold, and not a burst each.
  let taken = 0;
  for (let i = 0; i < 20_000; i += 1) taken += drain(buckets, `new ${i}`, 1);
  assert.ok(taken <= 1024 * 4 + 4, `${taken}`);
  assert.ok(buckets.size <= 100 + 1024, `${buckets.size}`);
  for (let i = 0; i < 100; i += 1) assert.equal(drain(buckets, `known ${i}`, 2), 0, `known ${i}`);
});

test('A key that shares its bucket always shares the same one: coming back does not help.', () => {
  const buckets = new Buckets(1);
  drain(buckets, 'known', 0);
  assert.equal(drain(buckets, 'late', 0), 4);
  for (let i = 0; i < 50; i += 1) assert.equal(drain(buckets, 'late', 0), 0);
});

test('A place is free again when its bucket is full again, and not while it is closed.', () => {
  const buckets = new Buckets(2);
  drain(buckets, 'a', 0);
  buckets.at('b', RATE, 0).closedUntil = 60_000;
  const before = buckets.size;
  drain(buckets, 'c', 2000);
  assert.equal(buckets.size, before);
  // c has taken the place of a; b is still there, closed.
  assert.equal(drain(buckets, 'b', 3000), 0);
  assert.equal(drain(buckets, 'b', 60_000), 4);
});

test('A full bucket that is closed keeps its place: a new key does not open it again.', () => {
  const buckets = new Buckets(1);
  buckets.at('closed', RATE, 0).closedUntil = 60_000;
  assert.equal(drain(buckets, 'new', 1000), 4);
  assert.equal(drain(buckets, 'closed', 2000), 0);
});
