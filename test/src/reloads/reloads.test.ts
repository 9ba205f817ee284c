import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { reloadCampaign } from './campaign.js';

/** As many as there are ways of being wrong, and as many good ones. */
const RELOADS = 24;

describe('good and bad reloads in turn, while clients come, go and talk', () => {
  it('disconnect nobody, let every CONNECT be judged by one generation, and leave nothing behind', { timeout: 120_000 }, async () => {
    const { load, testimony, wrong, inForce, files, output } = await reloadCampaign({ reloads: RELOADS, coming: 12, staying: 6 });
    assert.deepEqual(wrong, []);
    assert.deepEqual(load.wrong, [], output);
    assert.ok(load.accepted > RELOADS && load.refused > RELOADS / 4 && load.delivered > RELOADS, JSON.stringify(load));
    assert.equal(inForce, 1 + RELOADS / 2);
    assert.deepEqual([testimony.mixed, testimony.strays], [0, 0]);
    assert.ok(testimony.judged >= load.accepted + load.refused, JSON.stringify(testimony));
    assert.ok(testimony.started > 2 * inForce, JSON.stringify(testimony));
    // Two entries, of one generation.
    assert.deepEqual([testimony.open, testimony.alive], [2, 2]);
    assert.equal(files[1], files[0]);
    assert.doesNotMatch(output, /client refused: unavailable|PCL_INVARIANT|PCL_PLUGIN_FAULT/);
  });
});
