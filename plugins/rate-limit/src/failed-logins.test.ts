import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FailedLogins } from './failed-logins.js';

const RULES = { free: 3, firstDelaySeconds: 1, maxDelaySeconds: 8, forgetSeconds: 100, atOnce: 4 };
const SECOND = 1000;
let logins = 0;

/** One login that fails, if it may be tried. */
function fail(table: FailedLogins, pair: string, now: number, rules = RULES): string {
  logins += 1;
  const answer = table.attempt(`c${logins}`, pair, rules, now);
  if (answer === 'pass') table.failed(`c${logins}`, now);
  return answer;
}

function failTimes(table: FailedLogins, pair: string, times: number, now: number): void {
  for (let i = 0; i < times; i += 1) assert.equal(fail(table, pair, now), 'pass');
}

test('The first failures are free; then the wait begins at the first delay and doubles up to the longest.', () => {
  const table = new FailedLogins(100);
  failTimes(table, 'a', 3, 0);
  let now = 0;
  for (const seconds of [1, 2, 4, 8, 8, 8]) {
    assert.equal(fail(table, 'a', now + seconds * SECOND - 1), 'rate', `${seconds} s`);
    now += seconds * SECOND;
    assert.equal(fail(table, 'a', now), 'pass', `${seconds} s`);
  }
});

test('Tries that are refused do not make the wait longer, and other pairs do not wait.', () => {
  const table = new FailedLogins(100);
  failTimes(table, 'a', 3, 0);
  for (let i = 0; i < 50; i += 1) assert.equal(fail(table, 'a', 500), 'rate');
  assert.equal(fail(table, 'b', 500), 'pass');
  assert.equal(fail(table, 'a', SECOND), 'pass');
});

test('A login counts before its answer is there: those that come together are not all tried.', () => {
  const table = new FailedLogins(100);
  const together = Array.from({ length: 10 }, (_, i) => table.attempt(`t${i}`, 'a', RULES, 0));
  assert.deepEqual(together, ['pass', 'pass', 'pass', 'pass', ...Array.from({ length: 6 }, () => 'busy')]);
  for (let i = 0; i < 4; i += 1) table.failed(`t${i}`, 0);
  // After the delay one at a time is tried.
  assert.equal(table.attempt('u1', 'a', RULES, 8 * SECOND), 'pass');
  assert.equal(table.attempt('u2', 'a', RULES, 8 * SECOND), 'rate');
});

test('Who proves who it is begins anew; what was withdrawn changes nothing.', () => {
  const table = new FailedLogins(100);
  failTimes(table, 'a', 2, 0);
  table.attempt('good', 'a', RULES, 0);
  table.proved('good');
  failTimes(table, 'a', 3, 0);
  assert.equal(fail(table, 'a', 0), 'rate');
  for (let i = 0; i < 20; i += 1) {
    assert.equal(table.attempt(`w${i}`, 'b', RULES, 0), 'pass');
    table.withdrawn(`w${i}`);
  }
  failTimes(table, 'b', 3, 0);
});

test('A login that nothing is heard of has failed, and what is heard after that changes nothing.', () => {
  const table = new FailedLogins(100);
  for (let i = 0; i < 3; i += 1) table.attempt(`s${i}`, 'a', RULES, 0);
  assert.equal(table.attempt('next', 'a', RULES, 60 * SECOND), 'rate');
  table.proved('s0');
  assert.equal(table.attempt('next', 'a', RULES, 60 * SECOND), 'rate');
});

test('A connection that tries again without an answer has failed before, and leaves nothing waiting.', () => {
  const table = new FailedLogins(100);
  const strict = { ...RULES, free: 1 };
  assert.equal(table.attempt('same', 'a', strict, 0), 'pass');
  assert.equal(table.attempt('same', 'b', strict, 0), 'pass');
  assert.equal(table.attempt('x', 'a', strict, 0), 'rate');
  assert.equal(table.attempt('x', 'a', strict, SECOND), 'pass');
  table.withdrawn('x');
  table.proved('same');
  assert.equal(table.size, 1);
});

test('A pair that has not failed for long enough begins anew.', () => {
  const table = new FailedLogins(100);
  failTimes(table, 'a', 3, 0);
  assert.equal(fail(table, 'a', 99 * SECOND), 'pass');
  assert.equal(fail(table, 'a', 100 * SECOND), 'rate');
  failTimes(table, 'a', 3, 199 * SECOND);
});

test('Full: those with few failures are forgotten, and nobody is by an attacker who makes up names.', () => {
  const table = new FailedLogins(100);
  failTimes(table, 'attacked', 3, 0);
  for (let i = 0; i < 10_000; i += 1) fail(table, `made up ${i}`, 1);
  assert.equal(fail(table, 'attacked', 2), 'rate');
  assert.ok(table.size <= 100, `${table.size}`);
  // It takes as many failures with as many pairs as there is room for.
  for (let i = 0; i < 100; i += 1) failTimes(table, `worse ${i}`, 3, 3);
  assert.equal(fail(table, 'attacked', 4), 'pass');
});

test('Logins without an answer are bounded too: the oldest counts as failed.', () => {
  const table = new FailedLogins(10);
  for (let i = 0; i < 3; i += 1) assert.equal(table.attempt(`old${i}`, 'a', RULES, i), 'pass');
  for (let i = 0; i < 10; i += 1) table.attempt(`more${i}`, `other ${i}`, RULES, 5);
  assert.equal(table.attempt('again', 'a', RULES, 6), 'rate');
  assert.ok(table.size <= 20, `${table.size}`);
});
