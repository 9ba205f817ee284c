import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FakeTransport } from './connection.test.support.js';
import { Flusher, OutBuffer } from './out-buffer.js';

function scene() {
  const transport = new FakeTransport();
  const flusher = new Flusher();
  let written = 0;
  const out = new OutBuffer(transport, flusher, () => {
    written += 1;
  });
  return { transport, flusher, out, written: () => written };
}

/** Bytes that tell where they come from. */
function pattern(length: number, seed: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (i * 31 + seed * 97 + (i >> 8)) & 0xff));
}

test('Everything of one turn is written once, in its order.', () => {
  const { transport, flusher, out, written } = scene();
  out.packet(Buffer.from('one'));
  out.packet(Buffer.from('two'));
  assert.deepEqual([transport.writes.length, out.size], [0, 6]);
  flusher.flush();
  assert.deepEqual([transport.writes.map(String), out.size, written()], [['onetwo'], 0, 1]);
  flusher.flush();
  assert.equal(transport.writes.length, 1);
});

test('Shared bytes that are all there is are passed on without being copied.', () => {
  const passed: Buffer[] = [];
  const { flusher, out, transport } = scene();
  transport.write = (buffer) => {
    passed.push(buffer);
    return true;
  };
  const source = pattern(1000, 1);
  out.shared(source);
  flusher.flush();
  assert.equal(passed[0], source);
  // With something behind them they are copied, unless they are large.
  out.shared(source);
  out.packet(Buffer.from('more'));
  flusher.flush();
  assert.notEqual(passed[1]?.buffer, source.buffer);
  assert.deepEqual(passed[1], Buffer.concat([source, Buffer.from('more')]));
});

test('Bytes that are lent are copied before they change.', () => {
  const { flusher, out, transport } = scene();
  for (const length of [10, 5000, 100_000]) {
    const lent = pattern(length, 2);
    out.copy(lent, 3, length);
    lent.fill(0);
    flusher.flush();
    assert.deepEqual(transport.writes.pop(), pattern(length, 2).subarray(3));
  }
});

test('A slab is used again only when the kernel took everything.', () => {
  const { flusher, out, transport } = scene();
  const slabs: ArrayBufferLike[] = [];
  const kept: Buffer[] = [];
  transport.write = (buffer) => {
    slabs.push(buffer.buffer);
    kept.push(buffer);
    return transport.takes;
  };
  const round = (text: string): void => {
    out.packet(Buffer.from(text));
    flusher.flush();
  };
  round('first');
  round('second');
  assert.equal(slabs[0], slabs[1]);
  transport.takes = false;
  round('third');
  round('fourth');
  assert.notEqual(slabs[2], slabs[3]);
  // What the kernel has not taken must not change under it.
  assert.deepEqual(kept.slice(2).map(String), ['third', 'fourth']);
});

test('Two connections never share a slab that is being filled.', () => {
  const one = scene();
  const two = scene();
  one.out.packet(Buffer.from('mine'));
  two.out.packet(Buffer.from('thine'));
  one.out.packet(Buffer.from('mine'));
  one.flusher.flush();
  two.flusher.flush();
  assert.deepEqual([one.transport.bytes.toString(), two.transport.bytes.toString()], ['minemine', 'thine']);
});

test('What is larger than a slab goes out whole.', () => {
  const { flusher, out, transport } = scene();
  const large = pattern(100_000, 3);
  out.packet(Buffer.from('before'));
  out.packet(large);
  out.packet(Buffer.from('after'));
  flusher.flush();
  assert.ok(transport.bytes.equals(Buffer.concat([Buffer.from('before'), large, Buffer.from('after')])));
});

type Step = { kind: 'copy' | 'shared' | 'packet' | 'reserve' | 'flush' | 'refuse' | 'accept'; source: number; start: number; length: number };

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('copy', 'copy', 'shared', 'packet', 'packet', 'reserve', 'flush', 'refuse', 'accept'),
  source: fc.nat(2),
  start: fc.oneof(fc.nat(50), fc.nat(40_000), fc.constant(-1)),
  length: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 8000, max: 8400 }), fc.integer({ min: 1, max: 25_000 })),
});

test('Whatever is added in whatever way, the peer gets exactly these bytes in this order.', () => {
  const sources = [pattern(70_000, 1), pattern(70_000, 2), pattern(70_000, 3)];
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { transport, flusher, out } = scene();
      const expected: Buffer[] = [];
      let added = 0;
      let ends = [0, 0, 0];
      for (const { kind, source, start, length } of steps) {
        const buffer = sources[source] as Buffer;
        // -1: right behind the last range of this source.
        const from = start < 0 ? (ends[source] as number) : start;
        const bytes = Math.min(length, buffer.length - from);
        if (kind === 'flush') flusher.flush();
        else if (kind === 'refuse') transport.takes = false;
        else if (kind === 'accept') transport.takes = true;
        else if (bytes > 0) {
          const part = buffer.subarray(from, from + bytes);
          if (kind === 'copy') out.copy(buffer, from, from + bytes);
          else if (kind === 'shared') out.shared(part);
          else if (kind === 'packet') out.packet(part);
          else {
            // Room is asked for, and less of it is used.
            const target = out.reserve(bytes + 50);
            part.copy(target, out.offset);
            out.commit(out.offset + bytes);
          }
          ends = ends.map((end, i) => (i === source ? from + bytes : end));
          expected.push(part);
          added += bytes;
        }
        assert.equal(out.size + transport.bytes.length, added);
      }
      flusher.flush();
      assert.ok(transport.bytes.equals(Buffer.concat(expected)));
      assert.ok(
        sources.every((source, i) => source.equals(pattern(70_000, i + 1))),
        'a source was written to',
      );
    }),
    { numRuns: 150 },
  );
});

test('Nothing is written after it was closed.', () => {
  const { transport, flusher, out, written } = scene();
  out.packet(Buffer.from('before'));
  out.close();
  out.packet(Buffer.from('after'));
  out.copy(Buffer.from('range'), 0, 5);
  out.shared(Buffer.from('shared'));
  flusher.flush();
  assert.deepEqual([transport.writes.length, out.size, written()], [0, 0, 0]);
});

test('A buffer that was filled while others are written comes in the next turn, and none is forgotten.', async () => {
  const transport = new FakeTransport();
  const flusher = new Flusher();
  const later = new OutBuffer(transport, flusher, () => {});
  const first = new OutBuffer(transport, flusher, () => later.packet(Buffer.from('later')));
  first.packet(Buffer.from('first'));
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(transport.writes.map(String), ['first', 'later']);
});
