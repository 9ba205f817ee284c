import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { hex, pattern, theirFrame } from './web-socket.test.support.js';
import { FrameReader } from './web-socket-reader.js';

const MAX = 1_048_576;

/** What a reader makes of bytes that come in these pieces. Each piece is a copy, for the reader writes into it. */
function readAll(pieces: readonly Buffer[], max = MAX) {
  const reader = new FrameReader(max);
  const payload: Buffer[] = [];
  const pings: string[] = [];
  for (const piece of pieces) {
    payload.push(reader.read(Buffer.from(piece)));
    if (reader.ping !== null) pings.push(reader.ping.toString('hex'));
  }
  return { payload: Buffer.concat(payload).toString('hex'), pings, end: reader.end };
}

// The examples of RFC 6455 section 5.7, in binary frames: "Hello" masked with 37 fa 21 3d.
const HELLO = '82 85 37fa213d 7f 9f 4d 51 58';
const HELLO_IN_TWO = '02 83 37fa213d 7f 9f 4d  80 82 37fa213d 5b 95';
const PING_HELLO = '89 85 37fa213d 7f 9f 4d 51 58';
const CLOSE_1000 = '88 82 00000000 03 e8';
const text = (value: string): string => Buffer.from(value).toString('hex');

test('The payload of binary frames is unmasked, in one frame or in several.', () => {
  assert.deepEqual(readAll([hex(HELLO)]), { payload: text('Hello'), pings: [], end: null });
  assert.deepEqual(readAll([hex(HELLO_IN_TWO)]), { payload: text('Hello'), pings: [], end: null });
  assert.deepEqual(readAll([hex('82 80 01020304')]), { payload: '', pings: [], end: null });
});

test('Control frames may stand within a message, and are no part of it.', () => {
  const bytes = hex(`02 82 00000000 61 62  ${PING_HELLO}  8a 81 00000000 78  00 80 00000000  80 81 00000000 63`);
  assert.deepEqual(readAll([bytes]), { payload: text('abc'), pings: [text('Hello')], end: null });
});

test('Only the last ping of what was read at once is answered.', () => {
  const bytes = hex(`89 81 00000000 61  89 81 00000000 62  ${HELLO}  89 82`);
  assert.deepEqual(readAll([bytes, hex('00000000 63 64')]).pings, [text('b'), text('cd')]);
});

test('What was in frames of their own lies together afterwards, in the bytes that came, and nothing around them changes.', () => {
  const around = Buffer.alloc(200, 0xee);
  const frames = hex(`${HELLO} ${PING_HELLO} 82 80 01020304 ${HELLO} ${HELLO}`);
  const chunk = around.subarray(7, 7 + frames.length);
  frames.copy(chunk);
  const payload = new FrameReader(MAX).read(chunk);
  assert.equal(payload.toString(), 'HelloHelloHello');
  assert.equal(payload.buffer, around.buffer);
  assert.equal(payload.byteOffset, chunk.byteOffset + 6);
  assert.ok(around.subarray(0, 7).every((byte) => byte === 0xee) && around.subarray(7 + frames.length).every((byte) => byte === 0xee));
});

test('The same frames mean the same, however the network cuts them.', () => {
  const bytes = hex(
    `${HELLO} 02 fe 007e 01020304 ${pattern(126).toString('hex')} ${PING_HELLO} 00 80 05060708 80 83 0a0b0c0d 010203
     82 ff 0000000000010000 a1b2c3d4 ${pattern(65_536, 1).toString('hex')} 8a 80 00000000 89 80 11223344 82 81 ff00ff00 00 88 87 01020304 02 ea 61 66 75 6c 60`,
  );
  const whole = readAll([bytes]);
  assert.deepEqual(whole.end, { code: 1000, fault: null });
  assert.equal(whole.payload.length, 2 * (5 + 126 + 3 + 65_536 + 1));
  const pings = [text('Hello'), ''];
  const check = (cuts: readonly number[]): void => {
    const pieces = [0, ...cuts].map((from, i) => bytes.subarray(from, cuts[i] ?? bytes.length));
    const got = readAll(pieces);
    assert.equal(got.payload, whole.payload, `cut at ${cuts}`);
    assert.deepEqual(got.end, whole.end, `cut at ${cuts}`);
    assert.deepEqual(got.pings.slice(-1), pings.slice(-1), `cut at ${cuts}`);
  };
  // Every place outside the long payload, and pairs of places near each other.
  const places = Array.from({ length: bytes.length - 1 }, (_, i) => i + 1).filter((at) => at < 250 || at > bytes.length - 60 || at % 4096 < 3);
  for (const at of places) for (const step of [0, 1, 2, 3, 5, 8]) if (at + step < bytes.length) check(step === 0 ? [at] : [at, at + step]);
  assert.deepEqual(readAll(Array.from(bytes, (byte) => Buffer.of(byte))), { ...whole, pings });
});

const FAULTS: readonly [string, string, number][] = [
  ['a text frame', '81 80 00000000', 1003],
  ['a text frame in fragments', '01 80 00000000', 1003],
  ['a frame that is not masked', '82 05', 1002],
  ['a ping that is not masked', '89 00', 1002],
  ['a close that is not masked', '88 00', 1002],
  ['the first reserved bit, compression', 'c2 80 00000000', 1002],
  ['the second reserved bit', 'a2 80 00000000', 1002],
  ['the third reserved bit', '92 80 00000000', 1002],
  ['a reserved bit in a text frame', 'c1 80 00000000', 1002],
  ['a reserved bit in a ping', 'c9 80 00000000', 1002],
  ...[3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf].map((opcode): [string, string, number] => [
    `the opcode ${opcode}`,
    Buffer.of(0x80 | opcode, 0x80, 0, 0, 0, 0).toString('hex'),
    1002,
  ]),
  ['a ping in fragments', '09 80 00000000', 1002],
  ['a pong in fragments', '0a 80 00000000', 1002],
  ['a close in fragments', '08 80 00000000', 1002],
  ['a ping of 126 bytes', '89 fe 007e 00000000', 1002],
  ['a pong with a length of 64 bits', '8a ff 0000000000000001 00000000', 1002],
  ['a close of 126 bytes', '88 fe 007e 00000000', 1002],
  ['a continuation of nothing', '80 80 00000000', 1002],
  ['a continuation after a message has ended', '82 80 00000000 80 80 00000000', 1002],
  ['a continuation after the last of its message', '02 80 00000000 80 80 00000000 00 80 00000000', 1002],
  ['a binary frame within a message', '02 80 00000000 82 80 00000000', 1002],
  ['a text frame within a message', '02 80 00000000 81 80 00000000', 1002],
  ['125 bytes with a length of 16 bits', '82 fe 007d 00000000', 1002],
  ['no byte with a length of 16 bits', '82 fe 0000 00000000', 1002],
  ['65535 bytes with a length of 64 bits', '82 ff 000000000000ffff 00000000', 1002],
  ['no byte with a length of 64 bits', '82 ff 0000000000000000 00000000', 1002],
  ['a length with the highest bit', '82 ff 8000000000000000 00000000', 1002],
  ['a length with all bits', '82 ff ffffffffffffffff 00000000', 1002],
  ['the greatest length', '82 ff 7fffffffffffffff 00000000', 1009],
  ['a length that is small in its lower half', '82 ff 0000000100000001 00000000', 1009],
  ['one byte above the limit', '82 ff 0000000000100001 00000000', 1009],
  ['half a status code', '88 81 00000000 03', 1002],
  ['a reason that is no UTF-8', '88 83 00000000 03e8 ff', 1002],
  ['a reason that ends in the middle of a character', '88 84 00000000 03e8 e282', 1002],
  ...[0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535].map((code): [string, string, number] => [
    `the status code ${code}`,
    `88 82 00000000 ${code.toString(16).padStart(4, '0')}`,
    1002,
  ]),
];

test('Frames that break RFC 6455 end the stream with the status code for it; what came before still counts, what follows does not.', () => {
  for (const [what, bytes, code] of FAULTS) {
    const before = bytes.startsWith('80 80') ? '' : HELLO;
    for (const pieces of [[hex(`${before} ${bytes} ${HELLO}`)], Array.from(hex(`${before} ${bytes} ${HELLO}`), (byte) => Buffer.of(byte))]) {
      const { payload, end } = readAll(pieces);
      assert.equal(end?.code, code, what);
      assert.ok(end !== null && end.fault !== null && end.fault.length > 0, what);
      assert.equal(payload, before === '' ? '' : text('Hello'), what);
    }
  }
});

test('A fault is seen at the byte that makes it one, before anything that a length promises.', () => {
  for (const bytes of ['81', 'c2', '83', '09', '80', '82 05', '89 fe', '88 81', '82 fe 007d', '82 ff 80', '82 ff 0000000000100001']) {
    assert.notEqual(readAll([hex(bytes)]).end, null, bytes);
    assert.equal(readAll([hex(bytes).subarray(0, -1)]).end, null, bytes);
  }
});

test('A close frame ends the stream with what it says.', () => {
  const cases: [string, number | null][] = [
    ['88 80 01020304', null],
    [CLOSE_1000, 1000],
    ['88 84 00000000 03e8 c3a4', 1000],
    ...[1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999].map((code): [string, number] => [
      `88 82 00000000 ${code.toString(16).padStart(4, '0')}`,
      code,
    ]),
    [`88 fd 00000000 03e8 ${'61'.repeat(123)}`, 1000],
  ];
  for (const [bytes, code] of cases) {
    assert.deepEqual(
      readAll([hex(`02 81 00000000 61 ${bytes} ${HELLO} 89 80 00000000`)]),
      { payload: text('a'), pings: [], end: { code, fault: null } },
      bytes,
    );
  }
});

test('A message may have so many bytes and no more, its frames together; the next one begins at nothing.', () => {
  const full = hex('82 88 00000000 0102030405060708');
  const parts = '02 84 00000000 01020304  89 81 00000000 61  00 83 00000000 050607';
  assert.equal(readAll([full, full, full], 8).end, null);
  assert.equal(readAll([hex(`${parts} 80 81 00000000 08 ${parts} 80 81 00000000 08`)], 8).end, null);
  const over = readAll([hex(`${parts} 80 82 00000000 0809`)], 8);
  assert.deepEqual([over.payload, over.end?.code], ['01020304050607', 1009]);
});

/** Bytes in use after a collection. */
function memoryInUse(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

test('A million fragments of one byte, or of none, cost no memory and no more time than their number.', { timeout: 20_000 }, () => {
  for (const [frame, most] of [
    ['00 81 01020304 60', 1_000_000],
    ['00 80 01020304', 0],
    ['89 80 01020304', 0],
    ['8a 81 01020304 60', 0],
  ] as const) {
    const reader = new FrameReader(MAX);
    reader.read(hex('02 80 00000000'));
    const thousand = Buffer.concat(Array.from({ length: 1000 }, () => hex(frame)));
    let bytes = 0;
    const before = memoryInUse();
    for (let i = 0; i < 1000; i += 1) {
      const chunk = Buffer.from(thousand);
      // Some come whole, some byte by byte.
      if (i % 10 > 0) bytes += reader.read(chunk).length;
      else for (let at = 0; at < chunk.length; at += 1) bytes += reader.read(chunk.subarray(at, at + 1)).length;
    }
    const kept = memoryInUse() - before;
    assert.deepEqual([bytes, reader.end], [most, null], frame);
    // The reader itself has no more to keep than one control frame.
    assert.ok(kept < 1_000_000, `${frame}: ${kept}`);
  }
});

test('What an independent implementation frames is read as it was meant, however it is fragmented, mixed and cut.', () => {
  const frames = fc.array(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ parts: fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 4 }), ping: fc.constant(null) }),
      },
      { weight: 1, arbitrary: fc.record({ parts: fc.constant([]), ping: fc.uint8Array({ maxLength: 125 }) }) },
    ),
    { maxLength: 12 },
  );
  const masks = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255));
  fc.assert(
    fc.property(frames, masks, fc.array(fc.nat(2000), { maxLength: 12 }), (messages, mask, cuts) => {
      const payload: Buffer[] = [];
      const stream: Buffer[] = [];
      let lastPing: string | undefined;
      for (const { parts, ping } of messages) {
        if (ping !== null) {
          lastPing = Buffer.from(ping).toString('hex');
          stream.push(theirFrame(9, Buffer.from(ping), true, mask));
        }
        parts.forEach((part, i) => {
          payload.push(Buffer.from(part));
          stream.push(theirFrame(i === 0 ? 2 : 0, Buffer.from(part), i === parts.length - 1, mask));
          // A control frame in between.
          if (i === 0) stream.push(theirFrame(10, Buffer.from(part).subarray(0, 125), true, mask));
        });
      }
      const bytes = Buffer.concat(stream);
      const places = [...new Set(cuts.filter((cut) => cut > 0 && cut < bytes.length))].sort((a, b) => a - b);
      const got = readAll([0, ...places].map((from, i) => bytes.subarray(from, places[i] ?? bytes.length)));
      assert.equal(got.payload, Buffer.concat(payload).toString('hex'));
      assert.equal(got.end, null);
      assert.equal(got.pings.at(-1), lastPing);
    }),
    { numRuns: 500 },
  );
});
