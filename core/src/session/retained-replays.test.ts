import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Session } from './session.js';
import { FakeOutlet, numbered, OPTIONS, type SessionRig, sessionRig } from './session.test.support.js';

function connected(rig: SessionRig, own: readonly string[]): { session: Session; outlet: FakeOutlet } {
  const session = rig.session(own);
  const outlet = new FakeOutlet();
  session.outlet = outlet;
  return { session, outlet };
}

test('Subscribing again begins the replay anew: what was asked for before is not kept beside it.', () => {
  const rig = sessionRig();
  const { session, outlet } = connected(rig, ['+#']);
  for (let i = 0; i < 10; i += 1) rig.router.retain(rig.domain, numbered(`a/${i}`, i, 0, { retain: true }));
  const { subscription } = session.subscribe('a/+', OPTIONS);
  outlet.congested = true;
  for (let i = 0; i < 1000; i += 1) session.replayRetained(subscription);
  session.pump();
  outlet.congested = false;
  session.pump();
  assert.equal(outlet.sent.length, 10);
});

test('A message that waits for its replay does not come behind the newer one that displaced it.', () => {
  const rig = sessionRig();
  const { session, outlet } = connected(rig, ['+#']);
  for (const [i, topic] of ['a', 'b', 'c'].entries()) rig.router.retain(rig.domain, numbered(topic, i, 1, { retain: true }));
  const { subscription } = session.subscribe('+', OPTIONS);
  session.inFlight.limit = 1;
  session.replayRetained(subscription);
  session.pump();
  rig.router.retain(rig.domain, numbered('c', 7, 1, { retain: true }));
  rig.publish(numbered('c', 7));
  for (let i = 0; i < outlet.sent.length; i += 1) session.acknowledged(outlet.sent[i]?.packetId ?? 0);
  assert.deepEqual(outlet.payloads, ['000', '001', '007']);
});

test('At QoS 0, where the newer one may have been dropped, it is the newer one that is replayed.', () => {
  const rig = sessionRig();
  const { session, outlet } = connected(rig, ['+#']);
  rig.router.retain(rig.domain, numbered('a', 1, 0, { retain: true }));
  const { subscription } = session.subscribe('+', OPTIONS);
  outlet.congested = true;
  session.replayRetained(subscription);
  rig.router.retain(rig.domain, numbered('a', 2, 0, { retain: true }));
  rig.publish(numbered('a', 2, 0));
  outlet.congested = false;
  session.pump();
  assert.deepEqual(outlet.payloads, ['002']);
});

test('A replay of messages that the client may not have lets others take their turn.', async () => {
  const rig = sessionRig();
  const { session, outlet } = connected(rig, ['+z']);
  for (let i = 0; i < 10_000; i += 1) rig.router.retain(rig.domain, numbered(`a${i}`, i, 0, { retain: true }));
  rig.router.retain(rig.domain, numbered('z', 0, 0, { retain: true }));
  const { subscription } = session.subscribe('+', OPTIONS);
  session.replayRetained(subscription);
  session.pump();
  const { droppedNotAuthorized } = rig.stats;
  assert.ok(droppedNotAuthorized > 4000 && droppedNotAuthorized <= 4096, String(droppedNotAuthorized));
  for (let i = 0; i < 3; i += 1) await turn();
  assert.deepEqual([rig.stats.droppedNotAuthorized, outlet.sent.length], [10_000, 1]);
});
