import assert from 'node:assert/strict';
import { test } from 'node:test';
import { messageOf } from './gate.test.support.js';

test('A message is stored with the time of its expiry by the clock of the world, or with none.', () => {
  const message = messageOf('a/b', { qos: 1, retain: true, properties: Buffer.from([1, 1]), expiresAt: 5000 });
  const { id, topic, payload, qos, retain, properties, expiresAt, publisherClientId, publisher } = message.stored(1_000_000);
  assert.deepEqual(
    [id, topic, payload.toString(), qos, retain, properties, expiresAt, publisherClientId, publisher],
    [message.id, 'a/b', 'payload', 1, true, Buffer.from([1, 1]), 1_005_000, 'c1', 'ann'],
  );
  assert.equal(messageOf('a').stored(1_000_000).expiresAt, null);
});

test('The same message with another expiry is another message, and costs what its bytes do.', () => {
  const message = messageOf('a/b', { properties: Buffer.alloc(10) });
  const expiring = message.expiring(7);
  assert.deepEqual([expiring.expiresAt, expiring.topic, expiring.payload, message.expiresAt], [7, 'a/b', message.payload, 0]);
  assert.notEqual(expiring.id, message.id);
  assert.equal(message.bytes, 200 + 3 + 7 + 10);
  assert.equal(messageOf('a/b').bytes, 200 + 3 + 7);
});
