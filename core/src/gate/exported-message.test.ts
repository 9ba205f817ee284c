import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exportedMessage, exportedTopic } from './exported-message.js';
import { Message } from './message.js';
import type { ApprovedMessage } from './publish-gate.js';

const approved = (topic: string, retain = true): ApprovedMessage => {
  const message = new Message({
    topic,
    topicBytes: Buffer.from(topic),
    payload: Buffer.from('x'),
    qos: 1,
    retain,
    properties: Buffer.alloc(0),
    expiresAt: 7,
    publisherClientId: 'c1',
    publisher: 'ann',
  });
  return { message, retain } as ApprovedMessage;
};
const under = (prefix: string, retain = true) => ({ topics: ['#'], to: 'other', under: prefix, retain });

test('A topic goes under the prefix of an export, or stays what it is without one.', () => {
  assert.equal(exportedTopic('a/b', 'from/there'), 'from/there/a/b');
  assert.equal(exportedTopic('a/b', ''), 'a/b');
});

test('An exported message has the payload, QoS and expiry of the first, and no name of its own tenant but the tenant’s.', () => {
  const out = exportedMessage(approved('a'), 'acme', under('x'));
  assert.ok(out);
  const { topic, payload, qos, expiresAt, publisher, publisherClientId, foreign } = out.message;
  assert.deepEqual([topic, payload.toString(), qos, expiresAt], ['x/a', 'x', 1, 7]);
  assert.deepEqual([publisher, publisherClientId, foreign], ['tenant/acme', 'tenant/acme', true]);
  assert.equal(exportedMessage(approved('a'), 'acme', under(''))?.message.topic, 'a');
});

test('An exported message is retained when it was and the export says so, both.', () => {
  for (const [was, may] of [
    [true, true],
    [true, false],
    [false, true],
    [false, false],
  ] as const) {
    const out = exportedMessage(approved('a', was), 'acme', under('x', may));
    assert.deepEqual([out?.retain, out?.message.retain], [was && may, was && may], `${was}, ${may}`);
  }
});

test('A topic that would be too long is not exported at all.', () => {
  assert.equal(exportedMessage(approved('a'.repeat(65_534)), 'acme', under('x')), null);
  assert.equal(exportedMessage(approved('a'.repeat(65_533)), 'acme', under('x'))?.message.topic.length, 65_535);
});
