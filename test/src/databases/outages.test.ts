import assert from 'node:assert/strict';
import { test } from 'node:test';
import { postgresBackend } from './backend.js';
import { TIMEOUT_MS } from './broker.js';
import { failings, runOutages } from './outages.js';
import { redisBackend } from './redis-backend.js';

const PASSWORD = 'right';

test('a PostgreSQL that is stopped and frozen under logins lets nobody in who may not, and all others when it is back', async () => {
  const backend = await postgresBackend(PASSWORD, TIMEOUT_MS);
  try {
    const report = await runOutages(backend, PASSWORD, { stops: 3, freezes: 2, loginsPerSecond: 100, awayMs: 2500 });
    assert.deepEqual(failings(report), []);
    assert.equal(report.healedAfterMs.length, 6);
  } finally {
    await backend.dispose();
  }
});

test('a Redis that is stopped and frozen under logins lets nobody in who may not, and all others when it is back', async () => {
  const backend = await redisBackend(PASSWORD, TIMEOUT_MS);
  try {
    const report = await runOutages(backend, PASSWORD, { stops: 3, freezes: 2, loginsPerSecond: 100, awayMs: 2500 });
    assert.deepEqual(failings(report), []);
    assert.equal(report.healedAfterMs.length, 6);
  } finally {
    await backend.dispose();
  }
});
