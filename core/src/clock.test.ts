import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ManualClock, systemClock, TimerWheel, WheelTimer } from './clock.js';

function makeWheel(tickMs = 25) {
  const clock = new ManualClock();
  const errors: unknown[] = [];
  return { clock, errors, wheel: new TimerWheel(clock, (error) => errors.push(error), tickMs) };
}

test('A timer is called once, never early, and no later than a tick after its time.', () => {
  const { clock, wheel } = makeWheel();
  let calls = 0;
  let calledAfter = 0;
  const start = clock.now();
  wheel.after(1000, () => {
    calls += 1;
    calledAfter = clock.now() - start;
  });
  clock.advance(999);
  assert.equal(calls, 0);
  clock.advance(10_000);
  assert.equal(calls, 1);
  assert.ok(calledAfter >= 1000 && calledAfter <= 1025);
});

test('Any timers, moved and cancelled in any order, are called in their window and only if they still stand.', () => {
  const steps = fc.array(fc.tuple(fc.constantFrom('add', 'cancel', 'move', 'wait'), fc.nat(40), fc.integer({ min: 0, max: 120_000 })), {
    maxLength: 120,
  });
  fc.assert(
    fc.property(steps, (script) => {
      const { clock, wheel, errors } = makeWheel();
      const due = new Map<number, number>();
      const timers = Array.from(
        { length: 41 },
        (_, i) =>
          new WheelTimer(() => {
            const at = due.get(i);
            assert.ok(at !== undefined, 'not scheduled');
            assert.ok(clock.now() >= at && clock.now() <= at + 25, `called at ${clock.now()}, due at ${at}`);
            due.delete(i);
          }),
      );
      for (const [what, i, milliseconds] of script) {
        const timer = timers[i] as WheelTimer;
        if (what === 'wait') clock.advance(milliseconds);
        else if (what === 'cancel') {
          wheel.cancel(timer);
          due.delete(i);
        } else {
          wheel.schedule(timer, milliseconds);
          due.set(i, clock.now() + milliseconds);
        }
        assert.equal(timer.scheduled, due.has(i));
      }
      clock.advance(200_000);
      assert.equal(due.size, 0);
      assert.deepEqual(errors, []);
    }),
    { numRuns: 150 },
  );
});

test('After a long stall everything that is due is called, once.', () => {
  let now = 0;
  let tick = (): void => {};
  const stalled = {
    now: () => now,
    wall: () => 0,
    ticker(_every: number, callback: () => void) {
      tick = callback;
      return () => {};
    },
  };
  const wheel = new TimerWheel(stalled, () => assert.fail());
  const called: number[] = [];
  for (const delay of [10, 26_000, 60_000, 500_000]) wheel.after(delay, () => called.push(delay));
  now = 100_000;
  tick();
  assert.deepEqual(
    called.sort((a, b) => a - b),
    [10, 26_000, 60_000],
  );
  tick();
  assert.equal(called.length, 3);
});

test('A callback that throws is reported, and the others are called all the same.', () => {
  const { clock, wheel, errors } = makeWheel();
  const called: string[] = [];
  wheel.after(50, () => called.push('before'));
  wheel.after(50, () => {
    throw new Error('broken');
  });
  wheel.after(50, () => called.push('after'));
  clock.advance(100);
  assert.deepEqual([called, errors.length], [['before', 'after'], 1]);
});

test('A callback may cancel or move another timer of the same tick, or schedule itself anew.', () => {
  const { clock, wheel } = makeWheel();
  const called: string[] = [];
  const victim = new WheelTimer(() => called.push('victim'));
  const moved = new WheelTimer(() => called.push('moved'));
  const again: WheelTimer = new WheelTimer(() => {
    called.push('again');
    if (called.filter((name) => name === 'again').length < 3) wheel.schedule(again, 0);
  });
  wheel.after(50, () => {
    wheel.cancel(victim);
    wheel.schedule(moved, 1000);
  });
  wheel.schedule(victim, 50);
  wheel.schedule(moved, 50);
  wheel.schedule(again, 50);
  clock.advance(500);
  assert.deepEqual(called, ['again', 'again', 'again']);
  clock.advance(1000);
  assert.deepEqual(called.at(-1), 'moved');
});

test('A stopped wheel calls nobody.', () => {
  const { clock, wheel } = makeWheel();
  wheel.after(50, () => assert.fail('called'));
  wheel.stop();
  clock.advance(1000);
});

test('The manual clock calls tickers in the order of their times.', () => {
  const clock = new ManualClock();
  const calls: string[] = [];
  const stop = clock.ticker(20, () => calls.push('twenty'));
  clock.ticker(30, () => calls.push('thirty'));
  clock.advance(60);
  assert.deepEqual(calls, ['twenty', 'thirty', 'twenty', 'twenty', 'thirty']);
  stop();
  clock.advance(30);
  assert.equal(calls.length, 6);
});

test('The clock of the machine does not go back, and its ticker can be stopped.', () => {
  const before = systemClock.now();
  assert.ok(systemClock.now() >= before);
  assert.ok(systemClock.wall() > 1_600_000_000_000);
  systemClock.ticker(1_000_000, () => {})();
});
