import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Turns } from './turns.js';

/** A clock on which looking takes time: a tenth of a millisecond each. */
function workingClock() {
  let now = 1000;
  return {
    now: () => {
      now += 0.1;
      return now;
    },
    wall: () => now,
    ticker: () => () => {},
  };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('Those who wait share one slice a turn, in line, and who waits again comes behind those who were not served.', async () => {
  const turns = new Turns(workingClock(), () => {});
  const served: string[] = [];
  const work = (name: string, times: number): (() => void) => {
    return () => {
      served.push(name);
      if (times > 1) turns.later(work(name, times - 1));
    };
  };
  for (let i = 0; i < 12; i += 1) turns.later(work(`w${i}`, i === 0 ? 2 : 1));
  assert.deepEqual(served, []);
  const counts: number[] = [];
  while (served.length < 13) {
    const before = served.length;
    await nextTurn();
    counts.push(served.length - before);
  }
  assert.ok(counts.length >= 3 && counts.every((count) => count <= 6), String(counts));
  assert.deepEqual(served, [...Array.from({ length: 12 }, (_, i) => `w${i}`), 'w0']);
});

test('However long each takes, one is served in every turn.', async () => {
  let now = 0;
  const turns = new Turns({ now: () => now, wall: () => now, ticker: () => () => {} }, () => {});
  let served = 0;
  for (let i = 0; i < 4; i += 1) {
    turns.later(() => {
      served += 1;
      now += 1000;
    });
  }
  for (let i = 1; i <= 4; i += 1) {
    await nextTurn();
    assert.equal(served, i);
  }
});

test('Work that waits again is not served in the same turn, also where the clock stands still.', async () => {
  const turns = new Turns({ now: () => 5, wall: () => 5, ticker: () => () => {} }, () => {});
  let served = 0;
  const again = (): void => {
    served += 1;
    if (served < 3) turns.later(again);
  };
  turns.later(again);
  for (let i = 1; i <= 3; i += 1) {
    await nextTurn();
    assert.equal(served, i);
  }
});

test('Work that throws is reported, and the others go on.', async () => {
  const failures: unknown[] = [];
  const turns = new Turns({ now: () => 5, wall: () => 5, ticker: () => () => {} }, (error) => failures.push(error));
  let served = 0;
  turns.later(() => {
    throw new Error('broken');
  });
  turns.later(() => {
    served += 1;
  });
  await nextTurn();
  assert.deepEqual([served, failures.length], [1, 1]);
});

test('One owner gets one slice a turn, however often it begins, and all that begin in a turn are short of time together.', async () => {
  let now = 0;
  const turns = new Turns({ now: () => now, wall: () => now, ticker: () => () => {} }, () => {});
  const [one, other, third] = [{}, {}, {}];
  const first = turns.begin(one);
  now = 0.0625;
  assert.equal(turns.begin(one), first);
  assert.equal(turns.begin(other), 0.2625);
  now = 0.1875;
  assert.equal(turns.begin(third), 0.3);
  now = 2;
  // Nobody is left without any.
  assert.ok(turns.begin(one) > 2 && turns.begin(one) < 2.1);
  await nextTurn();
  assert.equal(turns.begin(one), 2.2);
});

test('While others wait for their slice, those who begin get the least, and are told that small things had better not wait.', async () => {
  const turns = new Turns({ now: () => 5, wall: () => 5, ticker: () => () => {} }, () => {});
  assert.equal(turns.crowded, false);
  let over = false;
  const again = (): void => {
    if (!over) turns.later(again);
  };
  again();
  assert.equal(turns.crowded, true);
  assert.ok(turns.begin({}) <= 5.05);
  await nextTurn();
  assert.ok(turns.begin({}) <= 5.05);
  over = true;
  await nextTurn();
  assert.equal(turns.crowded, false);
  await nextTurn();
  assert.equal(turns.begin({}), 5.2);
});
