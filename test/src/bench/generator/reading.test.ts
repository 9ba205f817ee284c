import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PacketReader, type PacketSink } from './packet-reader.js';
import { connectPacket, publishTemplate, subscribePacket, writePublish } from './packets.js';
import { FRAME_ROOM, FrameReader, maskInPlace } from './web-socket.js';

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');

describe('the packets of the generator', () => {
  it('are the bytes that MQTT 3.1.1 asks for', () => {
    assert.deepEqual(connectPacket('a', null), hex('10 0d 00 04 4d515454 04 02 0258 00 01 61'));
    assert.deepEqual(connectPacket('a', { username: 'u', password: 'pw' }), hex('10 14 00 04 4d515454 04 c2 0258 00 01 61 00 01 75 00 02 7077'));
    assert.deepEqual(subscribePacket(258, ['a/+', 'b'], 1), hex('82 0c 01 02 00 03 612f2b 01 00 01 62 01'));
  });

  it('carry stream, number, run and time in a payload of the length that was asked for', () => {
    const template = publishTemplate({ topic: 't', qos: 1, retain: false, payloadBytes: 26, stream: 3, run: 7 });
    const bytes = Buffer.alloc(template.bytes.length + 1);
    assert.equal(writePublish(bytes, 1, template, 0x0102, 5, 1.5), bytes.length);
    assert.deepEqual(bytes, hex('00 32 1f 00 01 74 01 02 31 42 51 4d 03000000 05000000 07000000 000000000000f83f 78 78'));
  });
});

interface Seen {
  readonly messages: object[];
  readonly packets: string[];
  readonly broken: string[];
}

function sinkWith(seen: Seen, topic = 't'): PacketSink {
  return {
    topicOf: (stream) => (stream === 3 ? Buffer.from(topic) : null),
    message: ({ first, packetId, stream, sequence, run, dueMs, payloadBytes, topicMatches }) =>
      seen.messages.push({ first, packetId, stream, sequence, run, dueMs, payloadBytes, topicMatches }),
    packet: (first, bytes, from, length) => seen.packets.push(`${first.toString(16)}:${bytes.toString('hex', from, from + length)}`),
    broken: (reason) => seen.broken.push(reason),
  };
}

const nothing = (): Seen => ({ messages: [], packets: [], broken: [] });
const MESSAGE = '32 1f 00 01 74 01 02 31 42 51 4d 03000000 05000000 07000000 000000000000f83f 78 78';
const READ = { first: 0x32, packetId: 0x0102, stream: 3, sequence: 5, run: 7, dueMs: 1.5, payloadBytes: 26, topicMatches: true };

const SOMEBODY = { first: 0x30, packetId: 0, stream: -1, sequence: 0, run: 0, dueMs: 0, topicMatches: false };

describe('the reader of packets', () => {
  const bytes = hex(`40 02 00 09 ${MESSAGE} d0 00 ${MESSAGE}`);

  it('finds the same packets wherever the bytes are cut', () => {
    for (let size = 1; size <= bytes.length; size++) {
      const seen = nothing();
      const reader = new PacketReader(sinkWith(seen));
      for (let at = 0; at < bytes.length; at += size) reader.feed(bytes, at, Math.min(bytes.length, at + size));
      assert.deepEqual(seen, { messages: [READ, READ], packets: ['40:0009', 'd0:'], broken: [] }, `pieces of ${size}`);
    }
  });

  it('tells a message under another topic, one of somebody else, and one too short to be its own', () => {
    const seen = nothing();
    new PacketReader(sinkWith(seen, 'u')).feed(hex(MESSAGE), 0, 33);
    const reader = new PacketReader(sinkWith(seen));
    reader.feed(hex('30 04 00 01 74 ff'), 0, 6);
    reader.feed(hex(`30 1b 00 01 74 32 42 51 4d ${'00'.repeat(20)}`), 0, 29);
    assert.deepEqual(
      seen.messages.map((each) => ({ ...each, dueMs: 0 })),
      [
        { ...READ, dueMs: 0, topicMatches: false },
        { ...READ, ...SOMEBODY, payloadBytes: 1 },
        { ...READ, ...SOMEBODY, payloadBytes: 24 },
      ],
    );
  });

  it('gives up on bytes that are not MQTT', () => {
    for (const text of ['30 ff ff ff ff 01', '30 03 00 05 74']) {
      const seen = nothing();
      new PacketReader(sinkWith(seen)).feed(hex(text), 0, hex(text).length);
      assert.equal(seen.broken.length, 1, text);
      assert.deepEqual(seen.messages, []);
    }
  });
});

describe('the WebSocket frames of the generator', () => {
  it('are masked, and of the shortest form', () => {
    for (const [length, head] of [
      [5, '82 85'],
      [125, '82 fd'],
      [126, '82 fe 007e'],
      [65_535, '82 fe ffff'],
      [65_536, '82 ff 0000000000010000'],
    ] as const) {
      const buffer = Buffer.alloc(FRAME_ROOM + length, 0x61);
      const frame = buffer.subarray(maskInPlace(buffer, buffer.length));
      const expected = hex(`${head} 37 fa 21 3d`);
      assert.deepEqual(frame.subarray(0, expected.length), expected, `${length}`);
      assert.equal(frame.length, expected.length + length);
      const key = expected.subarray(-4);
      const unmasked = frame.subarray(expected.length).map((byte, index) => byte ^ (key[index & 3] ?? 0));
      assert.ok(unmasked.every((byte) => byte === 0x61));
    }
  });

  it('are read wherever they are cut, with pings left out', () => {
    const bytes = hex(`02 02 6162 89 01 ff 80 7e 007e ${'63'.repeat(126)} 82 7f 0000000000000001 64 88 02 03e8`);
    for (let size = 1; size <= bytes.length; size++) {
      let text = '';
      let closed = 0;
      const reader = new FrameReader({ payload: (piece, from, to) => (text += piece.toString('latin1', from, to)), closed: () => closed++ });
      for (let at = 0; at < bytes.length && closed === 0; at += size) reader.feed(bytes, at, Math.min(bytes.length, at + size));
      assert.deepEqual([text, closed], [`ab${'c'.repeat(126)}d`, 1], `pieces of ${size}`);
    }
  });
});
