import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FRAME_INCOMPLETE, FRAME_MALFORMED, FRAME_TOO_LONG, Frame, readFrame } from './frame.js';
import { hex } from './hex.test.support.js';

const MAX = 1_048_576;

function read(text: string, maxPacketBytes = MAX): { result: number; frame: Frame } {
  const bytes = hex(text);
  const frame = new Frame();
  frame.end = 99;
  return { result: readFrame(bytes, 0, bytes.length, maxPacketBytes, frame), frame };
}

test('a whole packet gives its length and the bounds of its body', () => {
  const frame = new Frame();
  assert.equal(readFrame(hex('ff 40 02 00 07 ff'), 1, 6, MAX, frame), 4);
  assert.deepEqual([frame.bodyStart, frame.end], [3, 5]);
});

test('an empty body is a whole packet', () => {
  const { result, frame } = read('c0 00');
  assert.deepEqual([result, frame.bodyStart, frame.end], [2, 2, 2]);
});

test('an unfinished header says that the end is not known yet', () => {
  for (const text of ['', '30', '30 80', '30 ff ff ff']) {
    const { result, frame } = read(text);
    assert.deepEqual([result, frame.end], [FRAME_INCOMPLETE, 0], text);
  }
});

test('an unfinished body says which end is needed', () => {
  const { result, frame } = read('30 80 01 00');
  assert.deepEqual([result, frame.bodyStart, frame.end], [FRAME_INCOMPLETE, 3, 131]);
});

test('lengths of one to four bytes are read at both ends of their range', () => {
  const cases: ReadonlyArray<readonly [string, number]> = [
    ['30 7f', 2 + 127],
    ['30 80 01', 3 + 128],
    ['30 ff 7f', 3 + 16_383],
    ['30 80 80 01', 4 + 16_384],
    ['30 ff ff 7f', 4 + 2_097_151],
    ['30 80 80 80 01', 5 + 2_097_152],
    ['30 ff ff ff 7f', 5 + 268_435_455],
  ];
  for (const [text, end] of cases) {
    const { result, frame } = read(text, 268_435_460);
    assert.deepEqual([result, frame.end], [FRAME_INCOMPLETE, end], text);
  }
});

test('a length that would need a fifth byte is malformed as soon as the fourth is there', () => {
  assert.equal(read('30 ff ff ff ff').result, FRAME_MALFORMED);
  assert.equal(read('30 80 80 80 80 01').result, FRAME_MALFORMED);
});

test('MQTT-1.5.5-1: a length that is not in its shortest form is malformed', () => {
  for (const text of ['c0 80 00', '30 ff 00', '30 80 80 00', '30 80 80 80 00']) assert.equal(read(text).result, FRAME_MALFORMED, text);
});

test('a length above the limit is refused before the body arrives, and the limit itself is not', () => {
  assert.equal(read('30 63', 100).result, FRAME_TOO_LONG);
  assert.equal(read('30 62', 100).result, FRAME_INCOMPLETE);
  assert.equal(read('30 ff ff ff 7f').result, FRAME_TOO_LONG);
});

test('any split of a stream at any byte gives the same packets', () => {
  const stream = hex("10 0d 00 04 'MQTT' 04 02 00 3c 00 01 'a'  30 05 00 01 'a' 'xy'  c0 00  40 02 00 01  e0 00");
  const starts = [0, 15, 22, 24, 28];
  for (let first = 0; first <= stream.length; first++) {
    for (let second = first; second <= stream.length; second++) {
      const found: number[] = [];
      const frame = new Frame();
      let at = 0;
      for (const available of [first, second, stream.length]) {
        for (let length = readFrame(stream, at, available, MAX, frame); length > 0; length = readFrame(stream, at, available, MAX, frame)) {
          found.push(at);
          at += length;
        }
      }
      assert.deepEqual(found, starts, `split at ${first} and ${second}`);
      assert.equal(at, stream.length);
    }
  }
});
