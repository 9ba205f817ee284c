import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Message } from '../gate/index.js';
import { RetainedTree } from './retained-tree.js';
import { messageOf, naiveMatch } from './router.test.support.js';

const level = fc.constantFrom('a', 'b', '', '$x', 'c');
const topic = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'));
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { maxLength: 3 }), fc.boolean(), level)
  .map(([levels, multi, last]) => [...levels, multi ? '#' : last].join('/'));

test('The tree holds what a plain map holds, finds what a naive reader finds, and counts both right.', () => {
  const steps = fc.array(fc.tuple(fc.constantFrom('set', 'set', 'delete'), topic, fc.nat(50)), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(steps, filter, (script, asked) => {
      const tree = new RetainedTree();
      const map = new Map<string, Message>();
      for (const [what, name, size] of script) {
        if (what === 'set') {
          const message = messageOf(name, { payload: Buffer.alloc(size) });
          tree.set(message);
          map.set(name, message);
        } else assert.equal(tree.delete(name), map.delete(name));
        assert.equal(tree.get(name)?.message, map.get(name));
      }
      const messages = [...map.values()];
      const found = new Set(tree.match(asked).map((entry) => entry.message));
      assert.deepEqual(found, new Set(messages.filter((message) => naiveMatch(asked, message.topic))));
      assert.deepEqual(new Set([...tree.entries()].map((entry) => entry.message)), new Set(messages));
      assert.deepEqual([tree.count, tree.bytes], [messages.length, messages.reduce((sum, message) => sum + message.bytes, 0)]);
    }),
    { numRuns: 400 },
  );
});

test('Wildcards at the beginning do not show topics that begin with $; a filter that names them does.', () => {
  const tree = new RetainedTree();
  for (const name of ['$SYS/a', '$x', 'a', 'a/$SYS']) tree.set(messageOf(name));
  const match = (asked: string): string[] =>
    tree
      .match(asked)
      .map((entry) => entry.message.topic)
      .sort();
  assert.deepEqual(match('#'), ['a', 'a/$SYS']);
  assert.deepEqual(match('+'), ['a']);
  assert.deepEqual(match('+/#'), ['a', 'a/$SYS']);
  assert.deepEqual(match('$SYS/#'), ['$SYS/a']);
  assert.deepEqual(match('$SYS/+'), ['$SYS/a']);
  assert.deepEqual(match('a/+'), ['a/$SYS']);
});

test('`a/#` finds `a` itself, and a limit ends the walk.', () => {
  const tree = new RetainedTree();
  for (const name of ['a', 'a/b', 'a/b/c', 'b']) tree.set(messageOf(name));
  assert.equal(tree.match('a/#').length, 3);
  assert.equal(tree.match('#', 2).length, 2);
  assert.equal(tree.match('a/#', 1).length, 1);
});

test('A message that is deleted does not take those below it or above it along.', () => {
  const tree = new RetainedTree();
  for (const name of ['a', 'a/b', 'a/b/c']) tree.set(messageOf(name));
  assert.equal(tree.delete('a/b'), true);
  assert.equal(tree.delete('a/b'), false);
  assert.equal(tree.delete('a/missing/c'), false);
  assert.deepEqual([tree.get('a') === null, tree.get('a/b'), tree.get('a/b/c') === null], [false, null, false]);
});

test('A walk that finds nothing among many topics lets its owner look up from it all the time.', () => {
  const tree = new RetainedTree();
  for (let i = 0; i < 5000; i += 1) tree.set(messageOf(`a/${i}/b`));
  let looks = 0;
  for (const entry of tree.walk('+/+/none')) {
    assert.equal(entry, null);
    looks += 1;
  }
  assert.ok(looks > 50, String(looks));
  assert.equal(tree.match('+/+/none').length, 0);
  assert.equal(tree.match('+/+/b').length, 5000);
});
