import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fifo } from './delivery.js';

test('What goes in first comes out first, through any pushing, taking and clearing.', () => {
  const steps = fc.array(fc.tuple(fc.constantFrom('push', 'push', 'shift', 'peek', 'clear'), fc.nat(3000)), { maxLength: 40 });
  fc.assert(
    fc.property(steps, (script) => {
      const fifo = new Fifo<number>();
      let expected: number[] = [];
      let next = 0;
      for (const [what, times] of script) {
        if (what === 'clear') {
          if (times > 2700) {
            fifo.clear();
            expected = [];
          }
        } else if (what === 'push') {
          for (let i = 0; i < times; i += 1) {
            fifo.push(next);
            expected.push(next);
            next += 1;
          }
        } else if (what === 'shift') {
          const got = Array.from({ length: times }, () => fifo.shift());
          const taken = expected.splice(0, times);
          assert.deepEqual(got, [...taken, ...new Array<null>(times - taken.length).fill(null)]);
        } else assert.equal(fifo.peek(), expected[0] ?? null);
        assert.equal(fifo.length, expected.length);
      }
    }),
    { numRuns: 60 },
  );
});

test('What was taken is let go, also in a queue that never runs empty.', () => {
  const fifo = new Fifo<{ payload: Buffer }>();
  for (let i = 0; i < 100; i += 1) fifo.push({ payload: Buffer.alloc(0) });
  for (let i = 0; i < 100_000; i += 1) {
    fifo.push({ payload: Buffer.alloc(0) });
    fifo.shift();
  }
  assert.equal(fifo.length, 100);
});
