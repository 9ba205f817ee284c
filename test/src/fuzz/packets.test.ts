import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runPacketCampaign } from './packet-campaign.js';

const COUNT = 30_000;
const SEED = Number(process.env.PORTCULLIS_FUZZ_SEED ?? 20_261_124);

describe('packets that no client should send', () => {
  it(`hurt nobody but their sender, ${COUNT} of them with seed ${SEED}`, async () => {
    const { passed, failed, failures, figures } = await runPacketCampaign(COUNT, SEED);
    assert.deepEqual(failures, []);
    assert.deepEqual([passed, failed], [COUNT, 0]);
    // A campaign in which nothing is accepted, or nothing refused, would prove nothing.
    for (const name of ['connectsAccepted', 'protocolErrors', 'messagesReceived', 'messagesSent'])
      assert.ok((figures[name] ?? 0) > COUNT / 50, JSON.stringify(figures));
    const seldom = [
      'connectsRefused',
      'takeovers',
      'willsPublished',
      'retainRefused',
      'droppedQueueFull',
      'publishesDenied',
      'auth',
      'disconnect',
      'unsuback',
    ];
    for (const name of seldom) assert.ok((figures[name] ?? 0) > 0, `${name}: ${JSON.stringify(figures)}`);
    assert.equal(figures.healthy, COUNT / 50);
  });
});
