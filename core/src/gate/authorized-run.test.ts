import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_RUN, RunDraft } from './authorized-run.js';
import { TopicTable } from './topic-table.js';

/** PUBLISH QoS 0 to `a/b` in the 5.0 form: one with a property, one without. */
const BYTES = Buffer.from('300c0003612f6203010001' + '787978' + '30080003612f6200' + '7a7a', 'hex');

function twoMessages(): RunDraft {
  const run = new RunDraft(MAX_RUN);
  run.buffer = BYTES;
  run.form = 5;
  run.topic = new TopicTable(16).intern('a/b');
  run.publisherClientId = 'c1';
  run.publisher = 'ann';
  run.ends[0] = 14;
  run.propertiesStarts[0] = 7;
  run.payloadStarts[0] = 11;
  run.ends[1] = 24;
  run.propertiesStarts[1] = 21;
  run.payloadStarts[1] = 22;
  run.last = 2;
  return run;
}

test('A message is copied out of the bytes with its properties, and is the same object each time.', () => {
  const run = twoMessages();
  const first = run.copy(0);
  assert.deepEqual([first.topic, first.payload.toString(), first.properties?.toString('hex')], ['a/b', 'xyx', '010001']);
  const second = run.copy(1);
  assert.deepEqual([second.payload.toString(), second.properties, second.publisher, second.publisherClientId], ['zz', null, 'ann', 'c1']);
  assert.equal(run.copy(0), first);
});

test('Messages may be copied in any order, and each once.', () => {
  for (const order of [
    [0, 1],
    [1, 0],
    [1, 1, 0, 1, 0],
  ]) {
    const run = twoMessages();
    const copies = order.map((index) => run.copy(index));
    assert.deepEqual(
      copies.map(({ payload }) => payload.toString()),
      order.map((index) => (index === 0 ? 'xyx' : 'zz')),
    );
    assert.equal(new Set(copies).size, 2);
    for (const index of [0, 1]) assert.equal(run.copy(index), copies[order.indexOf(index)]);
  }
});

test('What was copied does not change when the read buffer does, or when the draft is used again.', () => {
  const run = twoMessages();
  run.buffer = Buffer.from(BYTES);
  const message = run.copy(0);
  run.buffer.fill(0);
  run.manyReceivers = true;
  run.divided = true;
  run.maxPacketBytes = 14;
  run.first = 1;
  run.reset();
  assert.deepEqual([run.manyReceivers, run.divided, run.maxPacketBytes, run.first, run.last], [false, false, 0, 0, 0]);
  assert.deepEqual([message.payload.toString(), message.properties?.toString('hex')], ['xyx', '010001']);
  assert.deepEqual([run.count, run.message, run.shared, run.copies.length, run.transcoded], [0, null, null, 0, [null, null]]);
});

test('Every packet begins where the one before it ends.', () => {
  const run = twoMessages();
  assert.deepEqual([run.packetStart(0), run.packetStart(1), run.count], [0, 14, 2]);
});

test('One message of a run becomes a run of its own, which survives the draft.', () => {
  const run = twoMessages();
  const one = run.one(1);
  run.reset();
  assert.deepEqual([one.count, one.copy(0).payload.toString(), one.entry.topic, one.publisher], [1, 'zz', 'a/b', 'ann']);
});

test('A message on its own keeps the QoS, the origin and the publisher of its run.', () => {
  for (const qos of [0, 1, 2] as const) {
    const run = twoMessages();
    const origin = {};
    run.qos = qos;
    run.origin = origin;
    const one = run.one(0);
    assert.deepEqual([one.qos, one.copy(0).qos, one.publisherClientId, one.publisher, one.first, one.last], [qos, qos, 'c1', 'ann', 0, 1]);
    assert.equal(one.origin, origin);
    assert.equal(one.entry, run.entry);
    assert.equal(one.message, run.copy(0));
  }
});

test('A run begins empty and whole.', () => {
  const { divided, count, manyReceivers, shared, message } = new RunDraft(0);
  assert.deepEqual([divided, count, manyReceivers, shared, message], [false, 0, false, null, null]);
});

test('A run without a topic is an invariant broken, not an empty topic.', () => {
  assert.throws(() => new RunDraft(0).entry, /without a topic/);
});

test('The length of properties may take more than one byte, also one whose low bits are zero.', () => {
  // 128 bytes of properties: their length is 80 01.
  const properties = `23${'00'.repeat(127)}`;
  const run = new RunDraft(MAX_RUN);
  run.buffer = Buffer.from(`3088010003612f628001${properties}7a`, 'hex');
  run.form = 5;
  run.topic = new TopicTable(16).intern('a/b');
  run.propertiesStarts[0] = 8;
  run.payloadStarts[0] = 138;
  run.ends[0] = 139;
  run.last = 1;
  const { payload, properties: copied } = run.copy(0);
  assert.deepEqual([payload.toString(), copied?.toString('hex')], ['z', properties]);
});
