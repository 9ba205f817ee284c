import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, TimerWheel } from '../../clock.js';
import { makeLimits } from '../../limits.js';
import { Heartbeat } from './heartbeat.js';

const { workerHeartbeatMs, workerLateMs, workerSilenceMs } = makeLimits({ workerHeartbeatMs: 250, workerLateMs: 1000, workerSilenceMs: 10_000 });
const MIB = 1024 * 1024;

/** A thread that answers while `moves`, watched with a clock that stands still. */
function watch() {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, (error) => {
    throw error;
  });
  const thread = { moves: true, heard: 0, pings: 0, alive: 0, bytes: 100 * MIB, deaths: [] as string[] };
  const heartbeat = new Heartbeat({
    wheel,
    intervalMs: workerHeartbeatMs,
    lateMs: workerLateMs,
    silenceMs: workerSilenceMs,
    growthBytes: 300 * MIB,
    processBytes: () => thread.bytes,
    ping: (beat) => {
      thread.pings += 1;
      if (thread.moves) thread.heard = beat;
    },
    heard: () => thread.heard,
    alive: () => {
      thread.alive += 1;
    },
    dead: (cause) => thread.deaths.push(cause),
  });
  return { clock, thread, heartbeat };
}

test('a thread that moves is asked again and again, also while questions are given up', () => {
  const { clock, thread, heartbeat } = watch();
  for (let i = 0; i < 40; i += 1) {
    heartbeat.gaveUp();
    clock.advance(300);
  }
  assert.deepEqual(thread.deaths, []);
  assert.ok(thread.pings >= 40 && thread.alive >= 30, `${thread.pings} ${thread.alive}`);
  heartbeat.stop();
});

test('a thread that stands still while questions are given up is dead after workerLateMs, and not before', () => {
  const { clock, thread, heartbeat } = watch();
  clock.advance(1000);
  thread.moves = false;
  heartbeat.gaveUp();
  clock.advance(900);
  assert.deepEqual(thread.deaths, []);
  clock.advance(400);
  assert.equal(thread.deaths.length, 1);
  assert.match(thread.deaths[0] ?? '', /^its thread has not moved for 1\d\d\d ms, and questions were given up: 1$/);
  clock.advance(60_000);
  heartbeat.gaveUp();
  assert.equal(thread.deaths.length, 1);
});

test('a thread that nobody waits for has workerSilenceMs', () => {
  const { clock, thread } = watch();
  clock.advance(1000);
  thread.moves = false;
  clock.advance(9500);
  assert.deepEqual(thread.deaths, []);
  clock.advance(1500);
  assert.match(thread.deaths.join(), /^its thread has not moved for 1\d{4} ms$/);
});

test('a thread that stands still while the process grows is dead at the next look', () => {
  const { clock, thread } = watch();
  clock.advance(1000);
  thread.moves = false;
  clock.advance(500);
  thread.bytes += 299 * MIB;
  clock.advance(250);
  assert.deepEqual(thread.deaths, []);
  thread.bytes += 2 * MIB;
  clock.advance(250);
  assert.match(thread.deaths.join(), /and the process grew by 301 MiB meanwhile$/);
});

test('a broker that stood still itself does not take that for the death of the thread', () => {
  const { clock, thread, heartbeat } = watch();
  heartbeat.gaveUp();
  clock.advance(120_000);
  assert.deepEqual(thread.deaths, []);
  heartbeat.stop();
});
