import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Outcome } from '../hooks/index.js';
import { Check } from './client.js';
import { ALLOW, clientOf, DENY, FAULT, type FakeStanding, gateRig, messageOf, PASS, rules, SKIP, standingOf } from './gate.test.support.js';
import { TopicTable } from './topic-table.js';

function scene(own: readonly string[], tap: (standing: FakeStanding) => void) {
  const standing = standingOf();
  tap(standing);
  const rig = gateRig({ standing });
  const client = clientOf(rules(...own), standing);
  const verdicts: string[] = [];
  const judge = (topic: string, checks: number = Check.RECEIVE) => {
    const copy = {
      message: messageOf(topic, { qos: 2, retain: true }),
      entry: new TopicTable(16).intern(topic),
      checks,
      qos: 1,
      retain: false,
    } as const;
    const pending = rig.gate.judgeDelivery(client, copy, (verdict) => verdicts.push(verdict));
    return { pending, verdict: verdicts.at(-1) };
  };
  return { ...rig, standing, client, verdicts, judge };
}

const authorizing =
  (outcome: Outcome | null) =>
  ({ hooks }: FakeStanding): void => {
    hooks.tapped.add('code authorize');
    if (outcome !== null) hooks.script.set('code authorize', outcome);
  };

const guarding =
  (outcome: Outcome) =>
  ({ hooks }: FakeStanding): void => {
    hooks.tapped.add('guardDelivery');
    hooks.script.set('guardDelivery', outcome);
  };

test('Rules and code decide about a copy together.', () => {
  const cases: [string, Outcome, string][] = [
    ['a', SKIP, 'deliver'],
    ['a', ALLOW, 'deliver'],
    ['a', DENY, 'not-authorized'],
    ['a', FAULT, 'fault'],
    ['b', SKIP, 'not-authorized'],
    ['b', ALLOW, 'deliver'],
    ['denied', ALLOW, 'not-authorized'],
  ];
  for (const [topic, outcome, expected] of cases) {
    assert.equal(scene(['receive:+a', 'receive:-denied'], authorizing(outcome)).judge(topic).verdict, expected, `${topic} ${outcome.kind}`);
  }
});

test('Code is asked about the copy as the receiver would get it.', () => {
  const { judge, standing } = scene(['+a'], authorizing(SKIP));
  judge('a');
  assert.deepEqual(
    ['action', 'topic', 'qos', 'retain', 'will'].map((name) => standing.hooks.asked[0]?.request[name]),
    ['receive', 'a', 1, false, false],
  );
});

test('A partly covered subscription passes its subscribe rules first, and code is not asked when it does not.', () => {
  const { judge, standing } = scene(['receive:+a', 'subscribe:-a'], authorizing(ALLOW));
  assert.equal(judge('a', Check.RECEIVE | Check.SUBSCRIBE_ALLOW).verdict, 'not-authorized');
  assert.equal(judge('a', Check.RECEIVE | Check.SUBSCRIBE_NOT_DENY).verdict, 'not-authorized');
  assert.equal(standing.hooks.asked.length, 0);
});

test('A right to subscribe that is lost while code is asked about a copy keeps that copy back, too.', () => {
  for (const [checks, then] of [
    [Check.RECEIVE | Check.SUBSCRIBE_ALLOW, ['receive:+a']],
    [Check.RECEIVE | Check.SUBSCRIBE_NOT_DENY, ['receive:+a', 'subscribe:-a']],
  ] as const) {
    const { judge, standing, client, verdicts } = scene(['receive:+a', 'subscribe:+a'], authorizing(null));
    judge('a', checks);
    client.stand(standing, clientOf(rules(...then), standing).binding, client.sources);
    standing.hooks.asked[0]?.answer(ALLOW);
    standing.hooks.asked[1]?.answer(ALLOW);
    assert.deepEqual(verdicts, ['not-authorized']);
  }
});

test('A guard alone comes after the receive rules, even for a subscription that was thought proven.', () => {
  const { judge, standing } = scene(['receive:+a'], guarding(PASS));
  assert.equal(judge('a', Check.PROVEN).verdict, 'deliver');
  assert.equal(judge('b', Check.PROVEN).verdict, 'not-authorized');
  assert.equal(standing.hooks.asked.length, 1);
});

test('Only a guard that passes lets a copy through.', () => {
  for (const [outcome, expected] of [
    [PASS, 'deliver'],
    [DENY, 'guard'],
    [FAULT, 'fault'],
    [ALLOW, 'fault'],
    [SKIP, 'fault'],
  ] as const) {
    assert.equal(scene(['+a'], guarding(outcome)).judge('a').verdict, expected);
    const both = scene(['+a'], (standing) => {
      authorizing(SKIP)(standing);
      guarding(outcome)(standing);
    });
    assert.equal(both.judge('a').verdict, expected);
  }
});

test('A guard is shown the copy, and cannot change the message.', () => {
  const { judge, standing } = scene(['+a'], guarding(PASS));
  judge('a');
  const shown = standing.hooks.asked[0]?.request.message as { qos: number; retain: boolean; payload: Buffer };
  assert.deepEqual([shown.qos, shown.retain, shown.payload.toString()], [1, false, 'payload']);
});

test('An answer that takes its time comes once, and never after it was cancelled.', () => {
  const waited = scene(['+a'], authorizing(null));
  waited.judge('a');
  assert.deepEqual(waited.verdicts, []);
  waited.standing.hooks.asked[0]?.answer(SKIP);
  assert.deepEqual(waited.verdicts, ['deliver']);
  const cancelled = scene(['+a'], authorizing(null));
  cancelled.judge('a').pending?.cancel();
  cancelled.standing.hooks.asked[0]?.answer(SKIP);
  assert.deepEqual(cancelled.verdicts, []);
});
