import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BACKENDS } from './backends.js';
import { startBrokerWith, TIMEOUT_MS } from './broker.js';
import { crowdReturns } from './returning.js';

const PASSWORD = 'right';
const CLIENTS = 300;
const AT_ONCE = 8;
/** What does not belong to one user: the rules of everybody, and looking whether the server is there. */
const OF_THE_BROKER = 20;

for (const { title, make } of Object.values(BACKENDS)) {
  test(`clients who all come back after a restart of the broker cost ${title} two questions each at most, and few at once`, async () => {
    const backend = await make(PASSWORD, TIMEOUT_MS);
    try {
      await backend.addAll('crowd-', CLIENTS);
      for (const time of ['before the restart', 'after it']) {
        const broker = await startBrokerWith({ ...backend.countedEntry, maxConcurrent: AT_ONCE, maxQueue: CLIENTS });
        const { asked, refusedAsBusy } = await crowdReturns(backend, broker.port('local'), 'crowd-', CLIENTS, PASSWORD);
        assert.ok(asked.questions >= CLIENTS, `${asked.questions} questions were seen ${time}`);
        assert.ok(asked.questions <= 2 * CLIENTS + OF_THE_BROKER, `${asked.questions} questions ${time}`);
        // One more may come from what listens for changes.
        assert.ok(asked.mostAtOnce === null || (asked.mostAtOnce > 1 && asked.mostAtOnce <= AT_ONCE + 1), `${asked.mostAtOnce} at once ${time}`);
        assert.equal(refusedAsBusy, 0);
        assert.equal(await broker.stop(), 0);
      }
    } finally {
      await backend.dispose();
    }
  });
}
