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

/** A PUBLISH of 3.1.1, by hand: QoS 0, or QoS 1 with an identifier. */
function publishOf(topic: string, payload: string, packetId = 0): Buffer {
  const id = packetId === 0 ? [] : [packetId >> 8, packetId & 0xff];
  const body = Buffer.concat([Buffer.from([0, topic.length]), Buffer.from(topic), Buffer.from(id), Buffer.from(payload)]);
  return Buffer.concat([Buffer.from([packetId === 0 ? 0x30 : 0x32, body.length]), body]);
}

function fullScene() {
  const given = scene();
  const recalled: [string, number, boolean][] = [];
  const recall = (may: (topic: string) => boolean): boolean =>
    given.out.recall({ may, recalled: (topic, packetId, dup) => recalled.push([topic, packetId, dup]) });
  return { ...given, recalled, recall };
}

test('A transport that holds enough is given nothing more until it is empty; then everything follows in its order.', () => {
  const { transport, flusher, out } = fullScene();
  transport.buffered = 65_536;
  const parts = Array.from({ length: 300 }, (_, i) => pattern(1000, i));
  for (const part of parts) {
    out.packet(part);
    flusher.flush();
  }
  assert.deepEqual([transport.writes.length, out.size, out.blocked], [0, 300_000, true]);
  transport.buffered = 0;
  out.flush();
  assert.deepEqual([out.size, out.blocked], [0, false]);
  assert.ok(transport.bytes.equals(Buffer.concat(parts)));
  // In pieces: what was begun can no longer be taken back.
  assert.ok(transport.writes.length >= 4);
});

test('What a transport was not given is taken back by topic, packet by packet, and everything else goes out as it was.', () => {
  const { transport, flusher, out, recall, recalled } = fullScene();
  transport.buffered = 65_536;
  const shared = Buffer.concat([publishOf('kept', 's'), publishOf('lost', 's')]);
  const before = Buffer.from(shared);
  out.packet(publishOf('kept', '1', 5));
  out.packet(publishOf('lost', '2', 0x1234));
  out.shared(shared);
  out.ack(4, 9);
  out.packet(publishOf('lost', '3'));
  flusher.flush();
  assert.equal(
    recall((topic) => topic !== 'lost'),
    true,
  );
  assert.deepEqual(recalled, [
    ['lost', 0x1234, false],
    ['lost', 0, false],
    ['lost', 0, false],
  ]);
  assert.ok(shared.equals(before), 'others are sent it, too');
  transport.buffered = 0;
  out.flush();
  const expected = Buffer.concat([publishOf('kept', '1', 5), publishOf('kept', 's'), Buffer.from([0x40, 2, 0, 9])]);
  assert.equal(transport.bytes.toString('hex'), expected.toString('hex'));
  assert.equal(out.size, 0);
});

test('A message that a transport has been given and the kernel has not is beyond recall, unless it has left in part.', () => {
  const packets = [publishOf('kept', '1'), publishOf('lost', '2'), publishOf('kept', '3')];
  const [, second = 0, third = 0] = packets.map(({ length }) => length);
  for (const [unsent, may] of [
    [third, true],
    // Its first byte has left, so the rest of it must.
    [third + second - 1, true],
    [third + second, false],
    [1000, false],
  ] as const) {
    const transport = Object.assign(new FakeTransport(), { fullAt: 1 });
    const flusher = new Flusher();
    const out = new OutBuffer(transport, flusher, () => {});
    for (const packet of packets) out.packet(packet);
    transport.takes = false;
    const { write } = transport;
    transport.write = (bytes, slab) => {
      transport.buffered = unsent;
      return write.call(transport, bytes, slab);
    };
    flusher.flush();
    assert.equal(out.recall({ may: (topic) => topic !== 'lost', recalled: () => assert.fail('nothing can be taken back') }), may, `${unsent}`);
  }
});
