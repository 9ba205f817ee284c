import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import { hex, LazySocket, pattern, theirReader } from './web-socket.test.support.js';
import { closeFrame, FrameWriter, pongFrame } from './web-socket-frames.js';

function writeOne(socket: Duplex, writer: FrameWriter, ...buffers: Buffer[]): void {
  let bytes = 0;
  for (const buffer of buffers) bytes += buffer.length;
  writer.write(socket, buffers, bytes);
}

test('A frame is final, binary and not masked, and its length is written in the fewest bytes.', () => {
  for (const [bytes, header] of [
    [0, '82 00'],
    [1, '82 01'],
    [125, '82 7d'],
    [126, '82 7e 00 7e'],
    [16_384, '82 7e 40 00'],
    [16_385, '82 7e 40 01'],
    [65_535, '82 7e ff ff'],
    [65_536, '82 7f 00 00 00 00 00 01 00 00'],
    [300_000, '82 7f 00 00 00 00 00 04 93 e0'],
  ] as const) {
    const socket = new LazySocket();
    const payload = pattern(bytes);
    writeOne(socket, new FrameWriter(), payload);
    assert.ok(socket.bytes.equals(Buffer.concat([hex(header), payload])), `${bytes}`);
  }
});

test('A close frame and a pong are what RFC 6455 says.', () => {
  assert.deepEqual(
    [closeFrame(1000), closeFrame(1009), closeFrame(4999), closeFrame(null)],
    [hex('88 02 03e8'), hex('88 02 03f1'), hex('88 02 1387'), hex('88 00')],
  );
  assert.deepEqual(
    [pongFrame(hex('')), pongFrame(Buffer.from('Hello')), pongFrame(pattern(125))],
    [hex('8a 00'), hex('8a 05 48656c6c6f'), Buffer.concat([hex('8a 7d'), pattern(125)])],
  );
});

test('Several buffers are one frame, and a frame is handed to the socket in one piece.', () => {
  for (const size of [10, 5000, 9000]) {
    const socket = new LazySocket();
    const parts = [pattern(size, 1), pattern(size, 2), pattern(3, 3)];
    writeOne(socket, new FrameWriter(), ...parts);
    const payload = Buffer.concat(parts);
    assert.equal(socket.taken.length, 1);
    assert.ok(socket.bytes.subarray(-payload.length).equals(payload));
  }
});

test('What a slow socket has still to write is never written over, whatever others write meanwhile.', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ socket: fc.nat(3), bytes: fc.oneof(fc.nat(200), fc.nat(20_000)), take: fc.boolean() }), { maxLength: 80 }),
      (steps) => {
        const writer = new FrameWriter();
        const sockets = Array.from({ length: 4 }, () => new LazySocket());
        const expected: Buffer[][] = sockets.map(() => []);
        // The last is quick: what it is given is taken at once, and its room used again.
        sockets.forEach((socket, i) => {
          socket.lazy = i < 3;
        });
        steps.forEach(({ socket: index, bytes, take }, i) => {
          const socket = sockets[index] as LazySocket;
          const payload = pattern(bytes, i);
          writeOne(socket, writer, Buffer.from(payload));
          (expected[index] as Buffer[]).push(payload);
          if (take) socket.settle();
        });
        sockets.forEach((socket, i) => {
          socket.lazy = false;
          socket.settle();
          const heard: Buffer[] = [];
          const theirs = theirReader((event, data) => {
            assert.equal(event, 'message');
            heard.push(Buffer.from(data));
          });
          theirs.write(socket.bytes);
          assert.ok(Buffer.concat(heard).equals(Buffer.concat(expected[i] as Buffer[])));
          assert.deepEqual(
            heard.map(({ length }) => length),
            (expected[i] as Buffer[]).map(({ length }) => length),
          );
        });
      },
    ),
    { numRuns: 200 },
  );
});

test('A slow socket keeps no more of the shared room than its first frame.', () => {
  const writer = new FrameWriter();
  const slow = new LazySocket();
  slow.lazy = true;
  const given: Buffer[] = [];
  const write = slow.write.bind(slow) as (chunk: Buffer) => boolean;
  slow.write = ((chunk: Buffer) => {
    given.push(chunk);
    return write(chunk);
  }) as typeof slow.write;
  for (let i = 0; i < 10; i += 1) writeOne(slow, writer, pattern(9000, i));
  const memory = new Set(given.map(({ buffer }) => buffer));
  assert.equal(memory.size, 10);
  assert.ok([...memory].slice(1).every(({ byteLength }) => byteLength < 10_000));
});
