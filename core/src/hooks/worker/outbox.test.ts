import assert from 'node:assert/strict';
import { test } from 'node:test';
import { turn } from '../hooks.test.support.js';
import { MAX_BATCH } from './messages.js';
import { Outbox } from './outbox.js';

function rig() {
  const posts: unknown[][] = [];
  const unfit: unknown[] = [];
  const outbox = new Outbox<unknown>({
    soon: (end) => queueMicrotask(end),
    post: (batch) => posts.push(structuredClone(batch) as unknown[]),
    unfit: (message) => unfit.push(message),
  });
  return { outbox, posts, unfit };
}

test('what is added before the waiting ends is one post', async () => {
  const { outbox, posts } = rig();
  outbox.add(1);
  outbox.add(2);
  assert.deepEqual(posts, []);
  await turn();
  assert.deepEqual(posts, [[1, 2]]);
  outbox.add(3);
  await turn();
  assert.deepEqual(posts, [[1, 2], [3]]);
});

test('what waits can leave at once', async () => {
  const { outbox, posts } = rig();
  outbox.add(1);
  outbox.flush();
  assert.deepEqual(posts, [[1]]);
  await turn();
  assert.equal(posts.length, 1);
});

test('a post holds no more than so many messages', () => {
  const { outbox, posts } = rig();
  for (let i = 0; i < MAX_BATCH + 1; i += 1) outbox.add(i);
  assert.deepEqual(
    posts.map(({ length }) => length),
    [MAX_BATCH],
  );
});

test('a message that cannot cross takes nobody else along', () => {
  const { outbox, posts, unfit } = rig();
  const strange = () => {};
  for (const message of [1, strange, 2]) outbox.add(message);
  outbox.flush();
  assert.deepEqual(posts, [[1], [2]]);
  assert.deepEqual(unfit, [strange]);
});
