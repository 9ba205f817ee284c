import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compareLanes } from './compare.js';

/** What the traffic must have led to, or it would prove little. */
const EXERCISED = [
  'messagesSent',
  'publishesDenied',
  'subscribesDenied',
  'deliveriesDenied',
  'droppedQueueFull',
  'droppedTooLarge',
  'droppedExpired',
  'droppedNoGroupMember',
  'retainedMessages',
  'protocolErrors',
];

describe('a message that rules alone can judge', () => {
  const totals: Record<string, number> = {};
  for (let seed = 2; seed <= 4; seed += 1) {
    it(`is delivered and counted as one that plugins look at, however the bytes are cut (seed ${seed})`, async () => {
      for (const [name, value] of Object.entries(await compareLanes(seed, 25))) totals[name] = (totals[name] ?? 0) + value;
    });
  }

  it('was one of many kinds', () => {
    for (const name of EXERCISED) assert.ok((totals[name] ?? 0) > 0, name);
  });
});
