import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parser, type Packet as TheirPacket } from 'mqtt-packet';
import { CORPUS, type CorpusEntry } from './corpus.test.support.js';
import { decodePacket } from './decode.js';
import { type PublishFields, publishLength, writePublish } from './encode-publish.js';
import { forwardableProperties } from './forwardable-properties.js';
import { Frame, readFrame } from './frame.js';
import { headerLength, writeHeader } from './header.js';
import type { ProtocolVersion, Qos } from './packet-types.js';
import type { Malformed, Packet } from './packets.js';
import { PublishView, readPublish } from './publish.js';
import { isValidTopicName } from './topic-syntax.js';

const MUTATIONS = Number(process.env.PORTCULLIS_FUZZ_MUTATIONS ?? 20_000);
const SEED = Number(process.env.PORTCULLIS_FUZZ_SEED ?? 20_260_401);
const MAX_PACKET = 65_536;
const FAULTS = new Set([0x81, 0x82, 0x84, 0x8f, 0x90, 0x94, 0x97]);
const INTERESTING = [0x00, 0x01, 0x02, 0x7f, 0x80, 0x81, 0xc0, 0xff, 0x23, 0x2b, 0x2f, 0x26, 0x0b, 0xed];

/** mulberry32: small, seeded, the same everywhere. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

function pick<T>(random: (below: number) => number, list: readonly T[]): T {
  return list[random(list.length)] as T;
}

function mutateOnce(bytes: Buffer, random: (below: number) => number): Buffer {
  const at = random(bytes.length + 1);
  const copy = Buffer.from(bytes);
  switch (random(7)) {
    case 0:
      if (at < copy.length) copy[at] = (copy[at] as number) ^ (1 << random(8));
      return copy;
    case 1:
      if (at < copy.length) copy[at] = pick(random, INTERESTING);
      return copy;
    case 2:
      return copy.subarray(0, at);
    case 3:
      return Buffer.concat([copy.subarray(0, at), Buffer.from([pick(random, INTERESTING), random(256)]), copy.subarray(at)]);
    case 4: {
      const other = pick(random, CORPUS).bytes;
      return Buffer.concat([copy.subarray(0, at), other.subarray(random(other.length))]);
    }
    case 5: // A lie about the length of whatever field begins here.
      if (at + 1 < copy.length) copy.writeUInt16BE(random(2) === 0 ? random(65_536) : random(16), at);
      return copy;
    default: {
      const end = Math.min(copy.length, at + random(12));
      return Buffer.concat([copy.subarray(0, end), copy.subarray(at)]);
    }
  }
}

/** Half of the time the header is made right again, or nearly nothing would come past it. */
function mutate(entry: CorpusEntry, random: (below: number) => number): Buffer {
  let bytes = entry.bytes;
  for (let rounds = 1 + random(3); rounds > 0; rounds--) bytes = mutateOnce(bytes, random);
  if (random(2) === 0 || bytes.length < 2) return bytes;
  const body = bytes.subarray(2);
  const framed = Buffer.alloc(headerLength(body.length) + body.length);
  body.copy(framed, writeHeader(framed, 0, bytes[0] as number, body.length));
  return framed;
}

function assertText(value: unknown): void {
  if (value === null) return;
  assert.ok(typeof value === 'string' && !value.includes('\0') && !/\p{Surrogate}/u.test(value));
}

/** Walks whatever came out: legal strings, finite numbers, buffers that are not views of the input. */
function assertSound(value: unknown, input: Buffer): void {
  if (Buffer.isBuffer(value)) assert.ok(value.length === 0 || value.buffer !== input.buffer, 'a view of the input');
  else if (typeof value === 'string') assertText(value);
  else if (typeof value === 'number') assert.ok(Number.isInteger(value) && value >= -1 && value <= 4_294_967_295, String(value));
  else if (Array.isArray(value)) for (const item of value) assertSound(item, input);
  else if (value !== null && typeof value === 'object') for (const item of Object.values(value)) assertSound(item, input);
  else assert.ok(value === null || typeof value === 'boolean', String(value));
}

function assertPacket(decoded: Packet | Malformed, first: number, input: Buffer): void {
  assertSound(decoded, input);
  if (decoded.type === 0) {
    assert.ok(FAULTS.has(decoded.reasonCode) && decoded.detail.length > 0);
    return;
  }
  assert.equal(decoded.type, first >> 4);
  if ('packetId' in decoded) assert.ok(decoded.packetId > 0 && decoded.packetId < 65_536);
  if ('filters' in decoded) assert.ok(decoded.filters.length > 0);
  if (decoded.type === 1) {
    assert.ok(decoded.receiveMaximum > 0);
    if (decoded.will !== null) assert.ok(decoded.will.topic.length > 0 && !/[+#]/.test(decoded.will.topic) && decoded.will.qos < 3);
  }
}

/** Whatever is accepted, the encoder can write, we can read again, and an independent client can read. */
function relay(buffer: Buffer, view: PublishView, version: ProtocolVersion): void {
  const properties = view.forwardable
    ? buffer.subarray(view.propertiesStart, view.propertiesEnd)
    : forwardableProperties(buffer, view.propertiesStart, view.propertiesEnd);
  const topic = view.topicEnd > view.topicStart ? buffer.subarray(view.topicStart, view.topicEnd) : Buffer.from('aliased');
  const out: PublishFields = {
    topic,
    payload: buffer.subarray(view.payloadStart, view.end),
    qos: view.qos as Qos,
    retain: view.retain,
    dup: view.dup,
    packetId: view.packetId,
    properties,
    messageExpirySeconds: view.messageExpirySeconds,
    subscriptionIds: null,
  };
  const written = Buffer.alloc(publishLength(version, out));
  assert.equal(writePublish(written, 0, version, out), written.length);
  const frame = new Frame();
  const again = new PublishView();
  assert.equal(readFrame(written, 0, written.length, 1e6, frame), written.length);
  assert.equal(readPublish(written, 0, frame.bodyStart, frame.end, version, again), 0);
  assert.deepEqual(written.subarray(again.topicStart, again.topicEnd), Buffer.from(topic));
  assert.deepEqual(written.subarray(again.payloadStart, again.end), Buffer.from(out.payload));
  assert.deepEqual(
    [again.qos, again.packetId, again.messageExpirySeconds, again.topicAlias],
    [view.qos, view.packetId, view.messageExpirySeconds, 0],
  );
  const forwarded = forwardableProperties(written, again.propertiesStart, again.propertiesEnd);
  assert.deepEqual(forwarded, Buffer.from(properties));
  const theirs = parser({ protocolVersion: version });
  const packets: TheirPacket[] = [];
  theirs.on('packet', (packet) => packets.push(packet));
  theirs.on('error', (error) => {
    throw error;
  });
  theirs.parse(written);
  assert.equal(packets[0]?.cmd, 'publish');
}

interface Tally {
  packets: number;
  refused: number;
  published: number;
}

const frame = new Frame();
const view = new PublishView();

function feed(buffer: Buffer, version: ProtocolVersion, tally: Tally): void {
  let at = 0;
  for (;;) {
    const length = readFrame(buffer, at, buffer.length, MAX_PACKET, frame);
    assert.ok(length >= -2 && length <= buffer.length - at);
    if (length <= 0) return;
    assert.ok(frame.bodyStart >= at + 2 && frame.bodyStart <= frame.end && frame.end === at + length);
    const first = buffer[at] as number;
    const fault = first >> 4 === 3 ? feedPublish(buffer, at, version, tally) : feedOther(buffer, at, first, version);
    tally[fault === 0 ? 'packets' : 'refused'] += 1;
    at += length;
  }
}

function feedOther(buffer: Buffer, at: number, first: number, version: ProtocolVersion): number {
  const decoded = decodePacket(buffer, at, frame.bodyStart, frame.end, version);
  assertPacket(decoded, first, buffer);
  return decoded.type === 0 ? decoded.reasonCode : 0;
}

function feedPublish(buffer: Buffer, at: number, version: ProtocolVersion, tally: Tally): number {
  const fault = readPublish(buffer, at, frame.bodyStart, frame.end, version, view);
  if (fault !== 0) {
    assert.ok(FAULTS.has(fault));
    return fault;
  }
  assert.ok(view.topicStart <= view.topicEnd && view.topicEnd <= view.propertiesStart && view.propertiesStart <= view.propertiesEnd);
  assert.ok(view.propertiesEnd === view.payloadStart && view.payloadStart <= view.end && view.end === frame.end);
  const aliased = view.topicStart === view.topicEnd;
  if (aliased ? view.topicAlias > 0 : isValidTopicName(buffer, view.topicStart, view.topicEnd, 128)) {
    relay(buffer, view, version);
    tally.published += 1;
  }
  return 0;
}

test('the corpus itself is accepted', () => {
  for (const { version, bytes } of CORPUS) {
    const tally = { packets: 0, refused: 0, published: 0 };
    feed(Buffer.from(bytes), version, tally);
    assert.deepEqual([tally.packets, tally.refused], [1, 0], `${version} ${bytes.toString('hex')}`);
  }
});

test(`${MUTATIONS} mutated packets never make the codec throw, give only sound values, and leave no memory behind`, () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const random = randomFrom(SEED);
  const tally = { packets: 0, refused: 0, published: 0 };
  const run = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const entry = pick(random, CORPUS);
      const bytes = mutate(entry, random);
      const version = random(8) === 0 ? pick(random, [3, 4, 5] as const) : entry.version;
      try {
        feed(bytes, version, tally);
      } catch (error) {
        assert.fail(`version ${version}, ${bytes.toString('hex')}: ${error instanceof Error ? error.stack : String(error)}`);
      }
    }
  };
  run(Math.min(2_000, MUTATIONS));
  collect();
  const before = process.memoryUsage();
  run(MUTATIONS);
  collect();
  const after = process.memoryUsage();
  assert.ok(after.heapUsed - before.heapUsed < 2_000_000, `heap grew by ${after.heapUsed - before.heapUsed} bytes`);
  assert.ok(after.arrayBuffers - before.arrayBuffers < 2_000_000, `buffers grew by ${after.arrayBuffers - before.arrayBuffers} bytes`);
  // A campaign in which nothing is accepted, or nothing refused, would prove nothing.
  assert.ok(tally.packets > MUTATIONS / 10 && tally.refused > MUTATIONS / 10 && tally.published > MUTATIONS / 100, JSON.stringify(tally));
});

test('a claimed length is never what is allocated', () => {
  const claims = [
    '00 04 4d 51 54 54 05 c2 00 3c 00 ff ff',
    '00 04 4d 51 54 54 04 c2 00 3c 00 01 61 ff ff',
    '00 04 4d 51 54 54 05 02 00 3c ff ff ff 7f',
  ];
  const bodies = claims.map((claim) => Buffer.from(claim.replaceAll(' ', ''), 'hex'));
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 5_000; i++) {
    const body = bodies[i % bodies.length] as Buffer;
    assert.equal(decodePacket(Buffer.concat([Buffer.from([0x10, body.length]), body]), 0, 2, 2 + body.length, 5).type, 0);
  }
  assert.ok(process.memoryUsage().arrayBuffers - before < 5_000 * 1_000);
});
