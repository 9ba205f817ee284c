import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rehearse } from './rehearsal.js';

function counted(most: number) {
  const seen = { asked: 0 };
  const ended = (): boolean => {
    seen.asked += 1;
    return seen.asked > most;
  };
  return { seen, ended };
}

test('a rehearsal plays batch after batch until it is told to end', { timeout: 60_000 }, async () => {
  const { seen, ended } = counted(5);
  await rehearse(50_000, ended);
  assert.equal(seen.asked, 6);
});

test('a rehearsal ends with its time', { timeout: 60_000 }, async () => {
  const { seen, ended } = counted(Number.POSITIVE_INFINITY);
  await rehearse(1, ended);
  // One batch may have begun.
  assert.ok(seen.asked <= 1, String(seen.asked));
});

test('without time there is none', async () => {
  const { seen, ended } = counted(0);
  await rehearse(0, ended);
  assert.equal(seen.asked, 0);
});

test('a rehearsal leaves nothing that keeps the process alive', { timeout: 60_000 }, async () => {
  await rehearse(50_000, counted(2).ended);
  assert.deepEqual(
    process.getActiveResourcesInfo().filter((resource) => resource === 'TCPServerWrap' || resource === 'TCPSocketWrap'),
    [],
  );
});
