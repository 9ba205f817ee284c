import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Awaited, InFlight } from './in-flight.js';

/** Numbers that look random and are the same every time. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 0x1_0000_0000;
  };
}

function campaign(limit: number, steps: number, seed: number): void {
  const inFlight = new InFlight(limit);
  const next = random(seed);
  const held = new Map<number, { state: number; index: number }>();
  const ids: number[] = [];
  // Periods of filling and of emptying, so that all sizes are met.
  let filling = 0.5;
  for (let step = 0; step < steps; step += 1) {
    if (step % 5000 === 0) filling = next();
    if (ids.length === 0 || (inFlight.room > 0 && next() < filling)) {
      const qos = next() < 0.5 ? 1 : 2;
      const id = inFlight.take(qos, null);
      assert.ok(id >= 1 && id <= 65_535, `identifier ${id}`);
      assert.ok(!held.has(id), `identifier ${id} is in use`);
      held.set(id, { state: qos === 1 ? Awaited.PUBACK : Awaited.PUBREC, index: ids.length });
      ids.push(id);
    } else {
      const index = Math.floor(next() * ids.length);
      const id = ids[index] as number;
      const entry = held.get(id) as { state: number; index: number };
      assert.equal(inFlight.awaited(id), entry.state);
      if (entry.state === Awaited.PUBREC && next() < 0.5) {
        inFlight.released(id);
        entry.state = Awaited.PUBCOMP;
      } else {
        inFlight.free(id);
        held.delete(id);
        const last = ids.pop() as number;
        if (last !== id) {
          ids[index] = last;
          (held.get(last) as { index: number }).index = index;
        }
        assert.equal(inFlight.awaited(id), Awaited.NOTHING);
      }
    }
    assert.equal(inFlight.count, ids.length);
  }
  for (const [id, { state }] of held) assert.equal(inFlight.awaited(id), state);
}

test('An identifier in use is never given again, through 200,000 random steps at limits small and large.', () => {
  campaign(1, 2000, 1);
  campaign(10, 20_000, 2);
  campaign(1024, 60_000, 3);
  campaign(20_000, 118_000, 4);
});

test('All 65,535 identifiers can be in use at once, and each is free again after its acknowledgement.', () => {
  const inFlight = new InFlight(65_535);
  const seen = new Set<number>();
  for (let i = 0; i < 65_535; i += 1) seen.add(inFlight.take(1, null));
  assert.deepEqual([seen.size, inFlight.room, seen.has(0), seen.has(65_536)], [65_535, 0, false, false]);
  for (const id of [65_535, 1, 40_000]) {
    inFlight.free(id);
    assert.equal(inFlight.take(2, null), id);
    assert.equal(inFlight.awaited(id), Awaited.PUBREC);
  }
});

test('Nothing is awaited for identifiers that were never given, of any size.', () => {
  const inFlight = new InFlight(10);
  for (const id of [0, 1, 65_535]) assert.equal(inFlight.awaited(id), Awaited.NOTHING);
  const id = inFlight.take(1, null);
  for (const other of [0, id + 32, id + 64, id + 65_504]) assert.equal(inFlight.awaited(other), Awaited.NOTHING);
  assert.equal(inFlight.delivery(id + 32), null);
});

test('After everything was forgotten, identifiers go on where they were, so that a late acknowledgement meets nobody.', () => {
  const inFlight = new InFlight(10);
  const before = inFlight.take(1, null);
  inFlight.clear();
  assert.deepEqual([inFlight.count, inFlight.awaited(before)], [0, Awaited.NOTHING]);
  assert.notEqual(inFlight.take(1, null), before);
});
