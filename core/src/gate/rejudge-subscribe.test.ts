import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientOf, DENY, FAULT, gateRig, rules } from './gate.test.support.js';
import { rejudgeSubscribe } from './rejudge-subscribe.js';
import type { SubscribeVerdict } from './subscribe-gate.js';

function rejudged(own: string[], answer?: unknown) {
  const rig = gateRig({ chain: { authorize: ['rules', 'code'] } });
  if (answer !== undefined) {
    rig.standing.hooks.tapped.add('code authorize');
    rig.standing.hooks.script.set('authorize', answer).set('code authorize', answer);
  }
  const told: unknown[][] = [];
  rig.gate.decided = (...args: unknown[]) => void told.push(args);
  const verdicts: SubscribeVerdict[] = [];
  const client = clientOf(rules(...own), rig.standing);
  rejudgeSubscribe(rig.gate, client, { filter: 'a/b', qos: 1, shareName: null }, (verdict) => verdicts.push(verdict));
  return { told: told.map(([, , outcome, code, , action, topic]) => [outcome, code, action, topic]), outcome: verdicts[0]?.outcome };
}

test('A subscription that may go on is no news; one that may not is told as denied, and one that cannot be judged as a fault.', () => {
  assert.deepEqual(rejudged(['+a/b']), { told: [], outcome: 'grant' });
  assert.deepEqual(rejudged(['-a/b']), { told: [['deny', 0x87, 'subscribe', 'a/b']], outcome: 'deny' });
  assert.deepEqual(rejudged(['+a/b'], DENY).told, [['deny', 0x87, 'subscribe', 'a/b']]);
  assert.deepEqual(rejudged(['+a/b'], FAULT), { told: [['fault', 0x80, 'subscribe', 'a/b']], outcome: 'fault' });
});
