import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runSocketCampaign } from './socket-campaign.js';

const COUNT = 3000;
const SEED = Number(process.env.PORTCULLIS_FUZZ_SEED ?? 20_261_125);

describe('a process that is sent nonsense', () => {
  it(`goes on serving others and gives everything back, ${COUNT} packets with seed ${SEED}`, async () => {
    const { passed, failed, failures, figures } = await runSocketCampaign(COUNT, SEED);
    assert.deepEqual(failures, []);
    assert.deepEqual([passed, failed], [COUNT, 0]);
    assert.equal(figures.healthy, COUNT / 50);
    assert.ok((figures.bytesAnswered ?? 0) > COUNT, JSON.stringify(figures));
  });
});
