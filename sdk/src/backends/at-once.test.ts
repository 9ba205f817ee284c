import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AtOnce } from './at-once.js';

test('so many run at a time, in the order in which they came, whether they fail or not', async () => {
  const tasks = new AtOnce(3);
  const begun: number[] = [];
  let running = 0;
  let most = 0;
  const all = Array.from({ length: 20 }, (_, i) =>
    tasks.run(async () => {
      begun.push(i);
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      if (i % 2 === 1) throw new Error(`task ${i}`);
      return i;
    }),
  );
  const results = await Promise.allSettled(all);
  assert.equal(most, 3);
  assert.deepEqual(
    begun,
    Array.from({ length: 20 }, (_, i) => i),
  );
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 10);
  assert.equal(await tasks.run(async () => 'afterwards'), 'afterwards');
});

test('what is not worth waiting for is begun when there is room, and not at all when there is none', async () => {
  const tasks = new AtOnce(2);
  let end = (): void => {};
  const long = (): Promise<void> => new Promise((resolve) => (end = resolve));
  const first = tasks.runNow(long);
  const endFirst = end;
  const second = tasks.run(long);
  assert.equal(tasks.runNow(long), null);
  endFirst();
  await first;
  assert.equal(await tasks.runNow(async () => 'now'), 'now');
  end();
  await second;
});
