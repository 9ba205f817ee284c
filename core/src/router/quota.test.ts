import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, TimerWheel } from '../clock.js';
import { makeTenantLimits } from '../limits.js';
import { Pace, Quota } from './quota.js';

function scene() {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, (error) => {
    throw error;
  });
  return { clock, wheel };
}

test('A pace lets as many pass at once as in a second, then one after the other, and never saves up more.', () => {
  const pace = new Pace(10, 0);
  assert.equal(pace.room(0), 10);
  pace.take(10, 0);
  assert.equal(pace.room(0), 0);
  assert.equal(pace.room(99), 0);
  assert.equal(pace.room(100), 1);
  assert.equal(pace.room(100_000), 10);
});

test('What nobody can hold back may cost others a second, however much it is.', () => {
  const pace = new Pace(10, 0);
  pace.take(10_000, 0);
  assert.equal(pace.room(1000), 0);
  assert.equal(pace.room(1100), 1);
});

test('Those who wait go on in their order, as many as there is room for; whoever is gone takes nobody’s place.', () => {
  const { clock, wheel } = scene();
  const pace = new Pace(4, clock.now());
  pace.take(4, clock.now());
  const went: string[] = [];
  const waits = (name: string, there = true): void =>
    pace.wait(wheel, () => {
      if (!there) return false;
      went.push(name);
      pace.take(1, clock.now());
      return true;
    });
  for (const name of ['a', 'b']) waits(name);
  waits('gone', false);
  for (const name of ['c', 'd']) waits(name);
  for (let i = 0; i < 12; i += 1) clock.advance(25);
  assert.deepEqual(went, ['a']);
  for (let i = 0; i < 20; i += 1) clock.advance(25);
  assert.deepEqual(went, ['a', 'b', 'c']);
  for (let i = 0; i < 12; i += 1) clock.advance(25);
  assert.deepEqual(went, ['a', 'b', 'c', 'd']);
  wheel.stop();
});

test('When the bound is lifted, those who wait go on at once, and do not find it any more.', () => {
  const { clock, wheel } = scene();
  const quota = new Quota();
  quota.adopt(makeTenantLimits({ messagesPerSecond: 1 }), clock.now());
  const { pace } = quota;
  pace?.take(1, clock.now());
  const found: (Pace | null)[] = [];
  pace?.wait(wheel, () => {
    found.push(quota.pace);
    return true;
  });
  quota.adopt(makeTenantLimits(), clock.now());
  assert.deepEqual(found, [null]);
  wheel.stop();
});

test('Another bound keeps what was published before in mind.', () => {
  const quota = new Quota();
  quota.adopt(makeTenantLimits({ messagesPerSecond: 10 }), 0);
  quota.pace?.take(10, 0);
  quota.adopt(makeTenantLimits({ messagesPerSecond: 100 }), 0);
  assert.equal(quota.pace?.room(0), 0);
  assert.equal(quota.pace?.room(10), 1);
});
