import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { platform } from 'node:os';
import { test } from 'node:test';
import { makeLimits } from '../limits.js';
import { type DescriptorSource, Descriptors, limitOfReport, systemDescriptors } from './descriptors.js';

const MAX = 1_048_576;

/** A process of which a number of files is open besides its sockets. */
function scene(given: { limit?: number | null; others?: number; maxFileDescriptors?: number } = {}) {
  const state = { sockets: 0, others: given.others ?? 20, fails: false, counts: 0 };
  const limit = given.limit === undefined ? 256 : given.limit;
  const waiting: (() => void)[] = [];
  const count = (): number | null => (state.fails ? null : state.others + state.sockets);
  const source: DescriptorSource = {
    limit: () => limit,
    count,
    countLater: () =>
      new Promise((resolve) => {
        state.counts += 1;
        const open = count();
        waiting.push(() => resolve(open));
      }),
  };
  const descriptors = new Descriptors(makeLimits({ maxFileDescriptors: given.maxFileDescriptors ?? MAX }), () => state.sockets, source);
  const counted = async (): Promise<void> => {
    for (const resolve of waiting.splice(0)) resolve();
    await new Promise((resolve) => setImmediate(resolve));
  };
  /** Opens sockets as long as that is allowed. */
  const fill = (now: number): number => {
    while (descriptors.allow(now)) state.sockets += 1;
    return state.sockets;
  };
  return { descriptors, state, counted, fill };
}

test('Connections end 64 below the limit, other files counted.', () => {
  const { descriptors, fill } = scene();
  descriptors.count(0);
  assert.equal(descriptors.connections, 256 - 64 - 20);
  assert.equal(fill(0), 256 - 64 - 20);
});

test('What is configured holds where it is less than what the system allows, and where the system says nothing.', () => {
  assert.equal(scene({ maxFileDescriptors: 200 }).descriptors.budget, 136);
  assert.equal(scene({ maxFileDescriptors: 1000 }).descriptors.budget, 192);
  assert.equal(scene({ limit: null, maxFileDescriptors: 1000 }).descriptors.budget, 936);
});

test('Where files cannot be counted, some are assumed.', () => {
  const { descriptors, state, fill } = scene();
  state.fails = true;
  descriptors.count(0);
  assert.equal(fill(0), 256 - 64 - 64);
});

test('When connections go there is room at once; when other files come or go it is seen within seconds near the limit.', async () => {
  const { descriptors, state, counted, fill } = scene();
  descriptors.count(0);
  const full = fill(0);
  state.sockets -= 1;
  assert.equal(descriptors.allow(0), true);
  state.sockets += 1;
  state.others += 30;
  assert.equal(descriptors.allow(4999), false);
  assert.equal(state.counts, 0);
  assert.equal(descriptors.allow(5000), false);
  await counted();
  state.sockets -= 10;
  assert.equal(descriptors.allow(5001), false, 'thirty files have come, ten connections gone');
  state.others -= 30;
  descriptors.allow(10_000);
  await counted();
  assert.equal(fill(10_001), full);
});

test('Far from the limit files are counted once a minute, and never two counts at once.', async () => {
  const { descriptors, state, counted } = scene({ limit: 20_000 });
  descriptors.count(0);
  for (let now = 0; now < 60_000; now += 100) descriptors.allow(now);
  assert.equal(state.counts, 0);
  for (let i = 0; i < 100; i += 1) descriptors.allow(60_000);
  assert.equal(state.counts, 1);
  state.others = 500;
  await counted();
  assert.equal(descriptors.connections, 20_000 - 64 - 20, 'the count was from before');
  descriptors.allow(120_000);
  await counted();
  assert.equal(descriptors.connections, 20_000 - 64 - 500);
});

test('A count while many connections came says nothing.', async () => {
  const { descriptors, state, counted } = scene();
  descriptors.count(0);
  descriptors.allow(60_000);
  state.sockets += 100;
  await counted();
  assert.equal(descriptors.connections, 172);
});

test('The system says how many files may be open and how many are.', { skip: platform() !== 'linux' }, async () => {
  const limit = systemDescriptors.limit();
  assert.ok(limit !== null && limit >= 64);
  assert.equal(limitOfReport(), limit);
  const before = systemDescriptors.count() ?? 0;
  const files = Array.from({ length: 50 }, () => openSync('/dev/null', 'r'));
  try {
    const later = (await systemDescriptors.countLater()) ?? 0;
    for (const count of [systemDescriptors.count() ?? 0, later]) assert.ok(count >= before + 45 && count <= before + 60, `${before}, then ${count}`);
  } finally {
    for (const file of files) closeSync(file);
  }
});
