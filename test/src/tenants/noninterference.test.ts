import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { MemoryBroker } from '../fuzz/memory-broker.js';
import { users } from '../fuzz/users-plugin.js';
import { ARRIVALS, observe, STEPS } from './two-worlds.js';

/** Each run has tenants that nobody has used before. */
const NAMES = Array.from({ length: 3000 }, (_, index) => `t${index + 1000}`);

describe('whatever the clients of two tenants do with the same identifiers, topics and groups', () => {
  let broker: MemoryBroker;
  let next = 0;
  const fresh = (): string => {
    next += 1;
    return NAMES[next % NAMES.length] as string;
  };

  before(async () => {
    broker = await MemoryBroker.start({ plugins: { users }, authenticate: ['users'], authorize: ['users'], tenants: NAMES });
  });
  after(() => broker.stop());

  it('each is sent byte for byte what it would have been sent had the other not been there', async () => {
    const check = fc.asyncProperty(STEPS, async (steps) => {
      const { together, alone } = await observe(broker, [...ARRIVALS, ...steps], () => [fresh(), fresh()]);
      assert.deepEqual(together, alone);
    });
    await fc.assert(check, { numRuns: 80, endOnFailure: false });
    assert.equal(broker.stats.invariantsBroken, 0);
    const { messagesSent, takeovers, willsPublished } = broker.stats;
    // Or nothing was tried.
    assert.ok(messagesSent > 500 && takeovers > 20 && willsPublished > 20, JSON.stringify({ messagesSent, takeovers, willsPublished }));
  });

  it('and were they of one tenant, this would find it', async () => {
    const check = fc.asyncProperty(STEPS, async (steps) => {
      const both = fresh();
      const { together, alone } = await observe(broker, steps, () => [both, both]);
      assert.deepEqual(together, alone);
    });
    const { failed } = await fc.check(check, { numRuns: 80, endOnFailure: true });
    assert.equal(failed, true);
  });
});
