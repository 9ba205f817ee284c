import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientOf, gateRig, messageOf, PASS, rules, standingOf } from './gate.test.support.js';
import { grantedQos, type SubscribeVerdict } from './subscribe-gate.js';

test('A topic of the broker is refused by no rule and by no code.', () => {
  const { gate, standing } = gateRig();
  const client = clientOf(rules('+$SYS/#'), standing);
  const judged: unknown[] = [];
  gate.authorizeMessage(client, messageOf('$SYS/x'), false, 0, (judgement) => judged.push(judgement));
  const detail = 'the topic belongs to the broker';
  assert.deepEqual(judged, [{ outcome: 'deny', reason: 'not-authorized', plugin: null, rule: null, detail, byCode: false }]);
});

test('Nobody has to be waited for when rules and guards have answered at once.', () => {
  for (const guarded of [false, true]) {
    const standing = standingOf();
    if (guarded) standing.hooks.tapped.add('guardSubscribe');
    standing.hooks.script.set('guardSubscribe', PASS);
    const { gate } = gateRig({ standing });
    const client = clientOf(rules('+a'), standing);
    for (const [filter, outcome] of [
      ['a', 'grant'],
      ['b', 'deny'],
    ] as const) {
      const verdicts: SubscribeVerdict[] = [];
      const pending = gate.judgeSubscribe(client, { filter, qos: 1, shareName: null }, (verdict) => verdicts.push(verdict));
      assert.equal(pending, null);
      assert.deepEqual(
        verdicts.map((verdict) => verdict.outcome),
        [outcome],
      );
    }
  }
});

test('What code has allowed keeps its QoS when it is judged again; what rules allow has theirs.', () => {
  const [rule] = rules('subscribe:+a');
  const client = clientOf(rule === undefined ? [] : [{ ...rule, maxQos: 1 }]);
  for (const [byCode, qos, expected] of [
    [true, 2, 2],
    [false, 2, 1],
    [false, 1, 1],
    [false, 0, 0],
  ] as const) {
    assert.equal(grantedQos(client, 'a', byCode, qos), expected, `${byCode} ${qos}`);
  }
});
