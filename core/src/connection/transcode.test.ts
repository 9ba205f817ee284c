import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { IPublishPacket } from 'mqtt-packet';
import { Frame, PublishView, readFrame, readPublish } from '../codec/index.js';
import { clientOf, gateRig, rules } from '../gate/gate.test.support.js';
import { type AuthorizedRun, TopicTable } from '../gate/index.js';
import { Awaited, InFlight } from '../session/index.js';
import { FakeTransport, parseAll, publishHex } from './connection.test.support.js';
import { Flusher, OutBuffer } from './out-buffer.js';
import { writeRun } from './transcode.js';

const { gate } = gateRig();
const client = clientOf(rules('+#'));
/** A content type `t`, a user property `n`: `v`, a payload format. */
const PROPERTIES = ['', '030001' + '74', '26' + '00016e' + '000176', '0101' + '030001' + '74' + '26' + '00016e' + '000176'];

interface Given {
  readonly payload: string;
  readonly properties: number;
}

/** Fills the draft from PUBLISH packets in the way that a connection does. */
function runOf(form: 3 | 5, qos: 0 | 1, messages: readonly Given[], offset: number): AuthorizedRun {
  const version = form === 5 ? 5 : 4;
  const packets = messages.map(({ payload, properties }, i) =>
    Buffer.from(publishHex(version, 'topic/x', payload, { qos, id: 1000 + i, properties: PROPERTIES[properties] as string }), 'hex'),
  );
  const buffer = Buffer.concat([Buffer.alloc(offset, 0xff), ...packets, Buffer.alloc(3, 0xff)]);
  const run = gate.draft;
  run.reset();
  run.buffer = buffer;
  run.start = offset;
  run.form = form;
  run.qos = qos;
  run.topic = new TopicTable(16).intern('topic/x');
  const frame = new Frame();
  const view = new PublishView();
  let at = offset;
  for (let i = 0; i < packets.length; i += 1) {
    const length = readFrame(buffer, at, buffer.length, 1_000_000, frame);
    assert.equal(readPublish(buffer, at, frame.bodyStart, at + length, version, view), 0);
    at += length;
    run.ends[i] = at;
    run.propertiesStarts[i] = view.topicEnd + (qos === 0 ? 0 : 2);
    run.payloadStarts[i] = view.payloadStart;
  }
  run.last = packets.length;
  const approved = gate.approve(client);
  assert.ok(approved !== null);
  return approved;
}

function written(run: AuthorizedRun, form: 3 | 5, qos: 0 | 1 | 2, inFlight = new InFlight(65_535)): IPublishPacket[] {
  const transport = new FakeTransport();
  const flusher = new Flusher();
  const out = new OutBuffer(transport, flusher, () => {});
  writeRun(out, run, form, qos, inFlight);
  flusher.flush();
  return parseAll(transport.bytes, form === 5 ? 5 : 4) as IPublishPacket[];
}

const EXPECTED = [
  undefined,
  { contentType: 't' },
  { userProperties: { n: 'v' } },
  { payloadFormatIndicator: true, contentType: 't', userProperties: { n: 'v' } },
];

const messages = fc.array(fc.record({ payload: fc.stringMatching(/^[a-z]{0,90}$/), properties: fc.nat(3) }), { minLength: 1, maxLength: 12 });

test('Every message arrives in the form and QoS of its receiver, as an independent parser reads it.', () => {
  const cases = fc.record({
    from: fc.constantFrom<3 | 5>(3, 5),
    to: fc.constantFrom<3 | 5>(3, 5),
    qos: fc.constantFrom<0 | 1>(0, 1),
    lower: fc.boolean(),
    offset: fc.nat(20),
    messages,
  });
  fc.assert(
    fc.property(cases, ({ from, to, qos, lower, offset, messages: given }) => {
      const run = runOf(from, qos, given, offset);
      const before = Buffer.from(run.buffer);
      const receiverQos = lower ? 0 : qos;
      const inFlight = new InFlight(65_535);
      const packets = written(run, to, receiverQos, inFlight);
      assert.equal(packets.length, given.length);
      for (const [i, packet] of packets.entries()) {
        const message = given[i] as Given;
        assert.deepEqual(
          [packet.topic, packet.payload.toString(), packet.qos, packet.retain, packet.dup],
          ['topic/x', message.payload, receiverQos, false, false],
        );
        assert.deepEqual(
          packet.properties === undefined ? undefined : plain(packet.properties),
          from === 5 && to === 5 ? EXPECTED[message.properties] : undefined,
        );
        if (receiverQos > 0) assert.equal(inFlight.awaited(packet.messageId as number), Awaited.PUBACK);
      }
      if (receiverQos > 0) assert.deepEqual([new Set(packets.map(({ messageId }) => messageId)).size, inFlight.count], [given.length, given.length]);
      else assert.equal(inFlight.count, 0);
      assert.ok(run.buffer.equals(before), 'the bytes that came in were changed');
    }),
    { numRuns: 400 },
  );
});

function plain(properties: object): object | undefined {
  const entries = Object.entries(properties).map(([name, value]) => [name, typeof value === 'object' ? { ...value } : value]);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

test('What many receivers get is made once and shared among them, in the form that came in and in the other.', () => {
  const run = runOf(
    5,
    0,
    [
      { payload: 'a', properties: 0 },
      { payload: 'b', properties: 1 },
    ],
    0,
  );
  const first = written(run, 3, 0);
  const shared = run.transcoded[0];
  assert.ok(shared !== null);
  assert.deepEqual(written(run, 3, 0), first);
  assert.equal(run.transcoded[0], shared);
  written(run, 5, 0);
  assert.equal(run.shared, null);
  run.manyReceivers = true;
  const own = written(run, 5, 0);
  const copy = run.shared;
  assert.ok(copy !== null);
  assert.deepEqual(written(run, 5, 0), own);
  assert.equal(run.shared, copy);
});

test('A part of a run is written by itself, and does not become what others get of the whole.', () => {
  const given = ['a', 'b', 'c', 'd'].map((payload) => ({ payload, properties: 0 }));
  for (const to of [3, 5] as const) {
    const run = runOf(5, 0, given, 4);
    const part = (first: number, last: number): string => {
      run.first = first;
      run.last = last;
      run.divided = last - first < 4;
      return written(run, to, 0)
        .map(({ payload }) => payload.toString())
        .join('');
    };
    // As a shared group does it: the first alone, a later one alone, then everybody else gets the whole.
    assert.deepEqual([part(0, 1), part(2, 3), part(0, 4), part(1, 4)], ['a', 'c', 'abcd', 'bcd']);
  }
});

test('Above QoS 0 a part of a run takes identifiers for its own messages only.', () => {
  for (const to of [3, 5] as const) {
    const run = runOf(
      3,
      1,
      [
        { payload: 'a', properties: 0 },
        { payload: 'b', properties: 0 },
        { payload: 'c', properties: 0 },
      ],
      0,
    );
    run.first = 1;
    run.last = 2;
    run.divided = true;
    const inFlight = new InFlight(10);
    const packets = written(run, to, 1, inFlight);
    assert.deepEqual([packets.map(({ payload }) => payload.toString()), inFlight.count], [['b'], 1]);
  }
});
