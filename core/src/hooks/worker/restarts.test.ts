import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeLimits } from '../../limits.js';
import { Restarts } from './restarts.js';

const { workerRestartMs, workerRestartMaxMs } = makeLimits({ workerRestartMs: 1000, workerRestartMaxMs: 30_000 });

test('the first restart comes at once, each further one after twice the pause, up to the longest', () => {
  const restarts = new Restarts(workerRestartMs, workerRestartMaxMs, () => 0.5);
  const pauses: number[] = [];
  for (let i = 0; i < 8; i += 1) {
    restarts.started(i * 1000);
    pauses.push(restarts.pause(i * 1000 + 500));
  }
  assert.deepEqual(pauses, [0, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
});

test('a worker that has lived for longer than two of the longest pauses is started at once again', () => {
  const restarts = new Restarts(workerRestartMs, workerRestartMaxMs, () => 0.5);
  restarts.started(0);
  assert.equal(restarts.pause(1), 0);
  restarts.started(2);
  assert.equal(restarts.pause(60_002), 1000);
  restarts.started(60_003);
  assert.equal(restarts.pause(120_004), 0);
});

test('pauses differ by a fifth, so that workers that fell together do not get up together', () => {
  const pauses = [0, 0.999].map((random) => {
    const restarts = new Restarts(workerRestartMs, workerRestartMaxMs, () => random);
    restarts.started(0);
    restarts.pause(0);
    return Math.round(restarts.pause(0));
  });
  assert.deepEqual(pauses, [800, 1200]);
});
