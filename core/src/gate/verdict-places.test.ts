import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TopicEntry } from './topic-table.js';
import { VerdictCache, VerdictClass } from './verdicts.js';

/** An entry whose place in a cache is chosen. */
function entry(index: number, hash: number): TopicEntry {
  return new TopicEntry(index, 0, hash, Buffer.from(`t${index}`), null);
}

test('One topic that takes the place of another costs no other topic its answer.', () => {
  const cache = new VerdictCache();
  const [kept, first, second] = [entry(0, 1), entry(1, 2), entry(2, 2 + 1024)];
  for (const each of [kept, first, second]) cache.set(each, VerdictClass.RECEIVE, 1);
  assert.deepEqual(
    [kept, first, second].map((each) => cache.get(each, VerdictClass.RECEIVE)),
    [2, 0, 2],
  );
});

test('A cache in which topics keep taking the place of one another grows, until it holds them side by side.', () => {
  const cache = new VerdictCache();
  // Both fall on place 3 of 16, and on different ones of 64.
  const [one, other] = [entry(0, 3), entry(1, 19)];
  let rounds = 0;
  while (cache.get(one, VerdictClass.RECEIVE) === 0 || cache.get(other, VerdictClass.RECEIVE) === 0) {
    cache.set(one, VerdictClass.RECEIVE, 1);
    cache.set(other, VerdictClass.RECEIVE, 1);
    rounds += 1;
    assert.ok(rounds < 100, 'it never grew');
  }
  assert.ok(rounds > 4, 'it grew at once');
});
