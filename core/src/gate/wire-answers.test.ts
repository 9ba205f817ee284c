import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DecidedQuestion, wireAnswers } from './wire-answers.js';

const CHAIN = { denyPublish: 'acknowledge', publishFault: 'disconnect' } as const;
const OTHER = { denyPublish: 'close', publishFault: 'refuse' } as const;

/** What clients of 3.1, 3.1.1 and 5.0 see. */
function seen(question: Omit<DecidedQuestion, 'qos'> & { qos?: 0 | 1 | 2 }, chain: Parameters<typeof wireAnswers>[1] = CHAIN): string[] {
  return Object.values(wireAnswers({ qos: 0, ...question }, chain));
}

test('A CONNECT is answered by a CONNACK in the codes of its version, and closed unless it is let in.', () => {
  assert.deepEqual(Object.keys(wireAnswers({ action: 'connect', outcome: 'allow', reasonCode: 0, qos: 0 }, CHAIN)), ['3.1', '3.1.1', '5.0']);
  for (const chain of [CHAIN, OTHER]) {
    assert.deepEqual(seen({ action: 'connect', outcome: 'allow', reasonCode: 0 }, chain), ['CONNACK 0', 'CONNACK 0', 'CONNACK 0x00']);
    for (const outcome of ['deny', 'fault'] as const) {
      const refused = ['CONNACK 5, then closed', 'CONNACK 5, then closed', 'CONNACK 0x87, then closed'];
      assert.deepEqual(seen({ action: 'connect', outcome, reasonCode: 0x87 }, chain), refused);
    }
  }
});

test('A topic filter is answered by a SUBACK, of 3.1.1 with one code for every refusal, of 3.1 with none.', () => {
  for (const qos of [0, 1, 2] as const) {
    const granted = `SUBACK 0x0${qos}`;
    assert.deepEqual(seen({ action: 'subscribe', outcome: 'allow', reasonCode: qos, qos }), [granted, granted, granted]);
  }
  for (const outcome of ['deny', 'fault'] as const) {
    const refused = ['closed: 3.1 has no code for a refusal', 'SUBACK 0x80', 'SUBACK 0x97'];
    assert.deepEqual(seen({ action: 'subscribe', outcome, reasonCode: 0x97 }), refused);
  }
});

test('A copy is there or not, and a publish of QoS 0 is never answered.', () => {
  for (const chain of [CHAIN, OTHER]) {
    for (const outcome of ['allow', 'deny', 'fault'] as const) {
      const copy = outcome === 'allow' ? 'the message' : 'nothing: the copy is dropped';
      assert.deepEqual(seen({ action: 'receive', outcome, reasonCode: 0x87, qos: 1 }, chain), [copy, copy, copy]);
      const publish = outcome === 'allow' ? 'nothing: QoS 0 is not acknowledged' : 'nothing: the message is dropped';
      assert.deepEqual(seen({ action: 'publish', outcome, reasonCode: 0x87 }, chain), [publish, publish, publish]);
    }
  }
});

test('A publish of QoS 1 and 2 is answered as its chain wants refusals and faults to be seen.', () => {
  for (const [qos, packet] of [
    [1, 'PUBACK'],
    [2, 'PUBREC'],
  ] as const) {
    const publish = (outcome: 'allow' | 'deny' | 'fault', chain: Parameters<typeof wireAnswers>[1]) =>
      seen({ action: 'publish', outcome, reasonCode: 0x97, qos }, chain);
    for (const chain of [CHAIN, OTHER]) {
      const acknowledged = qos === 1 ? 'PUBACK 0x00, or 0x10 without a subscriber' : 'PUBREC 0x00';
      assert.deepEqual(publish('allow', chain), [packet, packet, acknowledged]);
    }
    const dropped = `${packet}, but the message is dropped`;
    assert.deepEqual(publish('deny', CHAIN), [dropped, dropped, `${packet} 0x97`]);
    assert.deepEqual(publish('deny', OTHER), ['closed', 'closed', `${packet} 0x97`]);
    const closed = 'closed without an acknowledgement';
    assert.deepEqual(publish('fault', CHAIN), [closed, closed, 'DISCONNECT 0x83 without an acknowledgement']);
    assert.deepEqual(publish('fault', OTHER), [closed, closed, `${packet} 0x83`]);
  }
});
