import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runTopicCampaign } from './campaign.js';
import { referenceCovers, referenceIntersects, referenceMatches } from './reference.js';

test('matching, covering and intersecting agree with the reference on 200,000 random pairs', () => {
  const result = runTopicCampaign(200_000, 1);
  assert.deepEqual(result.differences, []);
  assert.equal(result.passed, 200_000);
  assert.equal(result.failed, 0);
});

test('the reference itself answers the examples of the specification', () => {
  for (const topic of ['sport/tennis/player1', 'sport/tennis/player1/ranking', 'sport/tennis/player1/score/wimbledon']) {
    assert.equal(referenceMatches('sport/tennis/player1/#', topic), true);
  }
  assert.equal(referenceMatches('sport/#', 'sport'), true);
  assert.equal(referenceMatches('sport/tennis/+', 'sport/tennis/player1/ranking'), false);
  assert.equal(referenceMatches('sport/+', 'sport'), false);
  assert.equal(referenceMatches('sport/+', 'sport/'), true);
  assert.equal(referenceMatches('+/+', '/finance'), true);
  assert.equal(referenceMatches('/+', '/finance'), true);
  assert.equal(referenceMatches('+', '/finance'), false);
  assert.equal(referenceMatches('#', '$SYS/uptime'), false);
  assert.equal(referenceMatches('+/monitor/Clients', '$SYS/monitor/Clients'), false);
  assert.equal(referenceMatches('$SYS/#', '$SYS/uptime'), true);
  assert.equal(referenceMatches('$SYS/monitor/+', '$SYS/monitor/Clients'), true);
  assert.equal(referenceCovers(['a', 'a/+/#'], 'a/#'), true);
  assert.equal(referenceCovers(['a'], 'a/#'), false);
  assert.equal(referenceIntersects('a/+', '+/b'), true);
  assert.equal(referenceIntersects('a/+', 'b/+'), false);
});
