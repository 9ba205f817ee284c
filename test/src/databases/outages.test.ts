import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BACKENDS } from './backends.js';
import { TIMEOUT_MS } from './broker.js';
import { failings, runOutages } from './outages.js';

const PASSWORD = 'right';

for (const { title, make } of Object.values(BACKENDS)) {
  test(`a ${title} that is stopped and frozen under logins lets nobody in who may not, and all others when it is back`, async () => {
    const backend = await make(PASSWORD, TIMEOUT_MS);
    try {
      const report = await runOutages(backend, PASSWORD, { stops: 3, freezes: 2, loginsPerSecond: 100, awayMs: 2500 });
      assert.deepEqual(failings(report), []);
      assert.equal(report.healedAfterMs.length, 6);
    } finally {
      await backend.dispose();
    }
  });
}
