import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Answer } from '../policy/index.js';
import { Check } from './client.js';
import { clientOf, rules, standingOf } from './gate.test.support.js';
import { TopicTable } from './topic-table.js';
import { publishClass, VerdictCache, VerdictClass } from './verdicts.js';

test('Every class of QoS and RETAIN has an answer of its own.', () => {
  const cache = new VerdictCache();
  const entry = new TopicTable(16).intern('a');
  const classes = [VerdictClass.RECEIVE, VerdictClass.SUBSCRIBE];
  for (const qos of [0, 1, 2]) classes.push(publishClass(qos, false) as 0, publishClass(qos, true) as 0);
  assert.equal(new Set(classes).size, 8);
  for (const [i, verdictClass] of classes.entries()) cache.set(entry, verdictClass, (i % 3) as 0 | 1 | 2);
  for (const [i, verdictClass] of classes.entries()) assert.equal(cache.get(entry, verdictClass), 1 + (i % 3));
});

test('Nothing is remembered about a topic that was not asked, nor after the cache was emptied.', () => {
  const cache = new VerdictCache();
  const table = new TopicTable(16);
  assert.equal(cache.get(table.intern('a'), 0), 0);
  cache.set(table.intern('a'), 0, Answer.ALLOW);
  assert.equal(cache.get(table.intern('b'), 0), 0);
  assert.equal(cache.get(table.intern('a'), 1), 0);
  cache.clear();
  assert.equal(cache.get(table.intern('a'), 0), 0);
});

test('A topic that takes the place of another brings none of its answers.', () => {
  const cache = new VerdictCache();
  const table = new TopicTable(100_000);
  // Many more topics than the greatest size of the cache: each answer is either right or forgotten.
  const entries = Array.from({ length: 20_000 }, (_, i) => table.intern(`t/${i}`));
  const answerOf = (i: number): 0 | 1 | 2 => (i % 3) as 0 | 1 | 2;
  let remembered = 0;
  for (const [i, entry] of entries.entries()) {
    cache.set(entry, i % 8, answerOf(i));
    for (const j of [i, i >> 1, i >> 2]) {
      const known = cache.get(entries[j] as (typeof entries)[0], j % 8);
      if (known !== 0) {
        assert.equal(known, 1 + answerOf(j));
        remembered += 1;
      }
      assert.equal(cache.get(entries[j] as (typeof entries)[0], (j + 1) % 8), 0);
    }
  }
  assert.ok(remembered >= 20_000);
});

test('However many topics are asked, answers about 1,024 at most are kept.', () => {
  const cache = new VerdictCache();
  const table = new TopicTable(100_000);
  const entries = Array.from({ length: 50_000 }, (_, i) => table.intern(`t/${i}`));
  for (const entry of entries) cache.set(entry, 0, Answer.ALLOW);
  const kept = entries.filter((entry) => cache.get(entry, 0) !== 0).length;
  assert.ok(kept > 500 && kept <= 1024, `${kept}`);
});

test('An entry of an earlier epoch is another entry: nothing is remembered about it by name.', () => {
  const cache = new VerdictCache();
  const table = new TopicTable(16);
  const before = table.intern('a');
  cache.set(before, 0, Answer.ALLOW);
  for (let i = 0; i < 16; i += 1) table.intern(`fill/${i}`);
  assert.equal(table.epoch, 1);
  assert.equal(cache.get(table.intern('a'), 0), 0);
});

test('A client under a new binding is judged by the new rules, although topics were asked before.', () => {
  const standing = standingOf();
  const client = clientOf(rules('+a'), standing);
  const entry = new TopicTable(16).intern('a');
  assert.equal(client.mayPublish(entry, 0, false), true);
  assert.equal(client.mayReceive(entry, Check.RECEIVE), true);
  assert.equal(client.mayReceive(entry, Check.SUBSCRIBE_ALLOW), true);
  client.stand(standing, clientOf(rules('+b'), standing).binding, ['rules']);
  assert.equal(client.mayPublish(entry, 0, false), false);
  assert.equal(client.mayReceive(entry, Check.RECEIVE), false);
  assert.equal(client.mayReceive(entry, Check.SUBSCRIBE_ALLOW), false);
});

test('A changed template is in force at the next question, although the binding is the same.', () => {
  const standing = standingOf();
  standing.engine.setTemplate('rules', 't', rules('+a'));
  const client = clientOf([], standing);
  const variables = { username: 'ann', clientId: 'c1', tenant: null, commonName: null, attributes: null };
  client.stand(
    standing,
    standing.engine.bind({ combine: 'deny-overrides', variables, sources: [{ plugin: 'rules', templates: ['t'], rules: null }] }),
    ['rules'],
  );
  const entry = new TopicTable(16).intern('a');
  assert.equal(client.mayPublish(entry, 0, false), true);
  standing.engine.setTemplate('rules', 't', rules('+b'));
  assert.equal(client.mayPublish(entry, 0, false), false);
  standing.engine.setTemplate('rules', 't', rules('+a'));
  assert.equal(client.mayPublish(entry, 0, false), true);
  standing.engine.removeTemplate('rules', 't');
  assert.equal(client.mayPublish(entry, 0, false), false);
});

test('The remembered answer of one QoS and RETAIN is not used for another.', () => {
  const [rule] = rules('publish:+a');
  const client = clientOf(rule === undefined ? [] : [{ ...rule, maxQos: 1, retain: false }]);
  const entry = new TopicTable(16).intern('a');
  for (let i = 0; i < 2; i += 1) {
    assert.equal(client.mayPublish(entry, 0, false), true);
    assert.equal(client.mayPublish(entry, 1, false), true);
    assert.equal(client.mayPublish(entry, 2, false), false);
    assert.equal(client.mayPublish(entry, 0, true), false);
  }
});

test('The previous binding is released when another takes its place, and grants nothing any more.', () => {
  const standing = standingOf();
  const client = clientOf(rules('+a'), standing);
  const { binding } = client;
  client.stand(standing, binding, ['rules']);
  assert.equal(binding.check('publish', 'a', 0, false, -1), Answer.ALLOW);
  client.stand(standing, clientOf(rules('+a'), standing).binding, ['rules']);
  assert.equal(binding.check('publish', 'a', 0, false, -1), Answer.NONE);
});

test('Topics of the broker are closed to publishers whatever the rules say, and neighbours of them are not.', () => {
  const client = clientOf(rules('+#', '+$SYS/#', '+$CONTROL/#', '+$SYSTEM/#', '+$shared/#'));
  const table = new TopicTable(64);
  for (const topic of ['$SYS', '$SYS/x', '$CONTROL', '$CONTROL/x']) assert.equal(client.mayPublish(table.intern(topic), 0, false), false, topic);
  for (const topic of ['$SYSTEM/x', '$shared/x', 'SYS', 'a/$SYS/b']) assert.equal(client.mayPublish(table.intern(topic), 0, false), true, topic);
});

test('What a copy must pass depends on the checks of its subscription.', () => {
  const table = new TopicTable(64);
  const silent = table.intern('silent');
  const received = table.intern('received');
  const subscribed = table.intern('subscribed');
  const denied = table.intern('denied');
  const standing = standingOf();
  standing.hooks.tapped.add('code authorize');
  const client = clientOf(rules('receive:+received', 'subscribe:+subscribed', 'subscribe:-denied', 'receive:+denied'), standing);
  const may = (entry: typeof silent, checks: number) => client.mayReceive(entry, checks);
  assert.deepEqual(
    [silent, received, subscribed, denied].map((entry) => may(entry, Check.PROVEN)),
    [true, true, true, true],
  );
  assert.deepEqual(
    [silent, received, subscribed, denied].map((entry) => may(entry, Check.RECEIVE)),
    [false, true, false, true],
  );
  assert.deepEqual(
    [silent, received, subscribed, denied].map((entry) => may(entry, Check.SUBSCRIBE_ALLOW)),
    [false, false, true, false],
  );
  assert.deepEqual(
    [silent, received, subscribed, denied].map((entry) => may(entry, Check.SUBSCRIBE_NOT_DENY)),
    [true, true, true, false],
  );
  assert.deepEqual(
    [silent, received, subscribed, denied].map((entry) => may(entry, Check.RECEIVE | Check.SUBSCRIBE_NOT_DENY)),
    [false, true, false, false],
  );
});

test('What code once allowed goes by the rules when nobody taps authorize any more.', () => {
  const table = new TopicTable(64);
  const client = clientOf(rules('subscribe:+a', 'subscribe:-c'));
  assert.deepEqual(
    ['a', 'b', 'c'].map((topic) => client.mayReceive(table.intern(topic), Check.SUBSCRIBE_NOT_DENY)),
    [true, false, false],
  );
});

test('A client knows whether rules are all that its messages have to pass.', () => {
  const cases = [
    ['code authorize', true, true],
    ['guardPublish', true, false],
    ['guardRetain', true, false],
    ['guardDelivery', false, true],
    ['guardSubscribe', false, false],
  ] as const;
  for (const [hook, publish, receive] of cases) {
    const standing = standingOf();
    standing.hooks.tapped.add(hook);
    const client = clientOf([], standing);
    assert.deepEqual([client.publishAsks, client.receiveAsks], [publish, receive], hook);
  }
  for (const hook of ['rewritePublish', 'decisionMade'] as const) {
    const standing = standingOf();
    standing.global.tapped.add(hook);
    assert.equal(clientOf([], standing).publishAsks, true, hook);
  }
  assert.deepEqual([clientOf([]).publishAsks, clientOf([]).receiveAsks], [false, false]);
});

test('An answer about a topic that the table does not remember is not remembered either.', () => {
  const cache = new VerdictCache();
  const entry = new TopicTable(16, 2).intern('long');
  cache.set(entry, VerdictClass.RECEIVE, 1);
  assert.equal(cache.get(entry, VerdictClass.RECEIVE), 0);
});
