import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FakeSubscriber, matching, naiveMatch, subscription } from './router.test.support.js';
import type { Subscription } from './subscription.js';
import { TopicTree } from './topic-tree.js';

const level = fc.constantFrom('a', 'b', 'c', '', '$x', 'longer');
const topic = fc.array(level, { minLength: 1, maxLength: 5 }).map((levels) => levels.join('/'));
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { minLength: 0, maxLength: 4 }), fc.boolean(), level)
  .map(([levels, multi, last]) => [...levels, multi ? '#' : last].join('/'));

test('The tree finds what a naive reader of the specification finds, through any adding and removing.', () => {
  const steps = fc.array(fc.tuple(fc.boolean(), filter, topic), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(steps, (script) => {
      const tree = new TopicTree();
      const subscriber = new FakeSubscriber();
      const held: Subscription[] = [];
      for (const [adds, key, name] of script) {
        if (adds || held.length === 0) {
          const made = subscription(subscriber, key);
          held.push(made);
          tree.add(made);
        } else tree.remove(held.splice(key.length % held.length, 1)[0] as Subscription);
        const expected = held.filter((one) => naiveMatch(one.filter, name));
        assert.deepEqual(new Set(matching(tree, name)), new Set(expected), `${name} in ${held.map((one) => one.filter)}`);
        assert.equal(matching(tree, name).length, expected.length);
        assert.equal(tree.size, held.length);
      }
    }),
    { numRuns: 400 },
  );
});

test('What is removed leaves nothing behind, and removing it again changes nothing.', () => {
  const tree = new TopicTree();
  const made = ['a/b/c', 'a/+/c', '#', 'a/#', '+'].map((key) => subscription(new FakeSubscriber(), key));
  for (const one of made) tree.add(one);
  for (const one of made) tree.remove(one);
  const { generation } = tree;
  for (const one of [...made, subscription(new FakeSubscriber(), 'never/there')]) tree.remove(one);
  assert.deepEqual([tree.size, tree.generation], [0, generation]);
  assert.deepEqual(matching(tree, 'a/b/c'), []);
});

test('Every change is a new generation, so that routes made before are known to be old.', () => {
  const tree = new TopicTree();
  const one = subscription(new FakeSubscriber(), 'a');
  const seen = new Set([tree.generation]);
  tree.add(one);
  seen.add(tree.generation);
  tree.touch();
  seen.add(tree.generation);
  tree.remove(one);
  seen.add(tree.generation);
  assert.equal(seen.size, 4);
});

test('Levels named like what every object has are levels like any other.', () => {
  const tree = new TopicTree();
  const made = ['constructor', '__proto__/toString', 'hasOwnProperty/+'].map((key) => subscription(new FakeSubscriber(), key));
  for (const one of made) tree.add(one);
  assert.deepEqual(matching(tree, '__proto__/toString'), [made[1]]);
  assert.deepEqual(matching(tree, 'valueOf'), []);
});

test('A topic as deep as the limit, and a level with very many subscribers, are walked without trouble.', () => {
  const tree = new TopicTree();
  const deep = Array.from({ length: 65_535 }, () => 'x').join('/');
  const one = subscription(new FakeSubscriber(), deep);
  tree.add(one);
  assert.deepEqual(matching(tree, deep), [one]);
  for (let i = 0; i < 150_000; i += 1) tree.add(subscription(one.subscriber, 'many'));
  assert.equal(matching(tree, 'many').length, 150_000);
});
