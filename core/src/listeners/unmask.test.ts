import assert from 'node:assert/strict';
import { test } from 'node:test';
import { turned, unmask } from './unmask.js';
import { pattern } from './web-socket.test.support.js';

const MASK = [0x91, 0x07, 0xfe, 0x5a] as const;
const WORD = 0x5afe_0791;

test('Bytes are unmasked and moved, whatever their number and wherever they lie, and no others change.', () => {
  for (let length = 0; length <= 70; length += 1) {
    for (let from = 0; from <= 20; from += 1) {
      for (let to = 0; to <= from; to += 1) {
        const before = pattern(100, length);
        const bytes = Buffer.from(before);
        unmask(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), from, from + length, to, WORD);
        const expected = Buffer.from(before);
        for (let i = 0; i < length; i += 1) expected[to + i] = (before[from + i] as number) ^ (MASK[i & 3] as number);
        assert.ok(bytes.equals(expected), `${length} bytes from ${from} to ${to}`);
      }
    }
  }
});

test('The mask goes on where it stopped.', () => {
  for (let bytes = 0; bytes < 12; bytes += 1) {
    const word = turned(WORD, bytes) >>> 0;
    for (let i = 0; i < 4; i += 1) assert.equal((word >>> (8 * i)) & 0xff, MASK[(bytes + i) & 3], `${bytes} and ${i}`);
  }
});
