import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BACKENDS } from './backends.js';
import { startBrokerWith, TIMEOUT_MS } from './broker.js';
import { timePushes } from './push-times.js';

const PASSWORD = 'right';
/** What a machine that has much else to do may need; the campaign of the databases asks for less. */
const MOST_MS = 2000;

for (const { title, make } of Object.values(BACKENDS)) {
  test(`what changes in ${title} is effective on clients that are connected, one change after the other`, async () => {
    const backend = await make(PASSWORD, TIMEOUT_MS);
    try {
      const broker = await startBrokerWith(backend.entry);
      const { ended, permitted } = await timePushes(backend, broker, PASSWORD, 20);
      assert.deepEqual([ended.length, permitted.length], [10, 10]);
      assert.ok(Math.max(...ended, ...permitted) < MOST_MS, JSON.stringify({ ended, permitted }));
      assert.equal(await broker.stop(), 0);
    } finally {
      await backend.dispose();
    }
  });
}
