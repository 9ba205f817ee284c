import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Rule } from '@portcullis/sdk';
import { clientOf, DENY, FAULT, rules } from '../gate/gate.test.support.js';
import type { Session } from './session.js';
import { FakeOutlet, numbered, OPTIONS, type SessionRig, sessionRig } from './session.test.support.js';

const DURABLE = { sessionExpirySeconds: 100 };

function connected(rig: SessionRig, own: readonly string[] = ['+#'], info = {}): { session: Session; outlet: FakeOutlet } {
  const session = rig.session(own, info);
  const outlet = new FakeOutlet();
  session.outlet = outlet;
  return { session, outlet };
}

function change(rig: SessionRig, session: Session, list: readonly Rule[]): void {
  session.client.stand(rig.standing, clientOf([...list], rig.standing).binding, ['rules']);
  session.recheck('rules');
}

test('A subscription follows the QoS that the rules leave it, down and up again to what was granted.', () => {
  const rig = sessionRig();
  const { session, outlet } = connected(rig);
  const { subscription } = session.subscribe('a', { ...OPTIONS, qos: 1 });
  for (const maxQos of [0, 2] as const) {
    change(rig, session, [{ effect: 'allow', actions: ['subscribe', 'receive'], pattern: '#', maxQos, from: 'x' }]);
    rig.publish(numbered('a', maxQos, 2));
  }
  assert.deepEqual([outlet.sent.map(({ qos }) => qos), outlet.runs.map(({ qos }) => qos), subscription.granted], [[0, 1], [], 1]);
});

test('Held copies keep their place: they go out before what was queued behind them when their right returns.', () => {
  const rig = sessionRig();
  const { session, outlet } = connected(rig, ['+#'], DURABLE);
  session.subscribe('#', OPTIONS);
  outlet.congested = true;
  for (const [index, topic] of ['a', 'b', 'a', 'b'].entries()) rig.publish(numbered(topic, index + 1));
  change(rig, session, rules('+b'));
  outlet.congested = false;
  session.inFlight.limit = 1;
  session.pump();
  assert.deepEqual(outlet.payloads, ['002']);
  change(rig, session, rules('+#'));
  for (let id = 1; id <= 4; id += 1) session.acknowledged(id);
  assert.deepEqual([outlet.payloads, rig.stats.messagesQueued, rig.stats.droppedNotAuthorized], [['002', '001', '003', '004'], 0, 0]);
});

test('Held copies count in the limits of the queue.', () => {
  const rig = sessionRig({ limits: { maxQueuedMessages: 2 } });
  const { session, outlet } = connected(rig, ['+#'], DURABLE);
  session.subscribe('#', OPTIONS);
  outlet.congested = true;
  rig.publish(numbered('a', 1));
  rig.publish(numbered('a', 2));
  change(rig, session, rules('+b'));
  outlet.congested = false;
  session.pump();
  outlet.congested = true;
  rig.publish(numbered('b', 3));
  assert.deepEqual([outlet.payloads, rig.stats.copiesHeldBack, rig.stats.droppedQueueFull], [[], 2, 1]);
});

test('Messages that have not left are taken back: one that lasts is held, and its identifier is free.', () => {
  const rig = sessionRig();
  const { session, outlet } = connected(rig, ['+#'], DURABLE);
  session.subscribe('#', OPTIONS);
  rig.publish(numbered('a', 1));
  rig.publish(numbered('b', 2));
  outlet.unsent = [...outlet.sent];
  change(rig, session, rules('+b'));
  assert.deepEqual([outlet.unsent.map(({ payload }) => payload), session.inFlight.count, session.queue.held], [['002'], 1, 1]);
  outlet.unsent = [];
  change(rig, session, rules('+#'));
  assert.deepEqual(outlet.payloads, ['001', '002', '001']);
});

test('A QoS 2 copy that the client may have had already is not held when it is taken back: it would come under another identifier.', () => {
  const rig = sessionRig();
  const { session, outlet } = connected(rig, ['+#'], DURABLE);
  session.subscribe('#', { ...OPTIONS, qos: 2 });
  rig.publish(numbered('a', 1, 2));
  outlet.unsent = outlet.sent.map((sent) => ({ ...sent, dup: true }));
  change(rig, session, rules('+b'));
  assert.deepEqual([session.inFlight.count, session.queue.held, rig.stats.droppedNotAuthorized], [0, 0, 1]);
});

test('A subscription that code no longer allows gives a copy nothing beside one that stands: neither its QoS nor its identifier.', () => {
  const rig = sessionRig();
  const { session, outlet } = connected(rig);
  const { hooks } = rig.standing;
  const { subscription } = session.subscribe('a', { ...OPTIONS, qos: 1, id: 1 });
  session.subscribe('+', { ...OPTIONS, qos: 0, id: 2 });
  subscription.withheld = true;
  session.judge(subscription);
  session.domain.tree.touch();
  rig.publish(numbered('a', 1, 1));
  assert.deepEqual(
    outlet.sent.map(({ qos, ids }) => [qos, ids]),
    [[0, [2]]],
  );
  assert.equal(hooks.has('authorize'), false);
});

test('Where code cannot say whether a subscription stands it is suspended; without grace the connection ends, offline nothing else happens.', () => {
  for (const online of [true, false]) {
    const rig = sessionRig();
    const { session, outlet } = connected(rig, ['+#'], DURABLE);
    const { subscription } = session.subscribe('a', OPTIONS);
    if (!online) session.outlet = null;
    rig.standing.hooks.tapped.add('code authorize');
    rig.standing.hooks.script.set('code authorize', FAULT);
    session.client.stand(rig.standing, session.client.binding, ['rules']);
    session.recheck('code');
    assert.deepEqual([subscription.suspended, outlet.ended, rig.stats.subscriptionsSuspended], [true, online ? [0x89] : [], 0]);
    rig.standing.hooks.script.set('code authorize', DENY);
    session.recheck('code');
    assert.deepEqual([subscription.suspended, rig.stats.subscriptionsSuspended], [true, 1]);
    rig.clock.advance(60_100);
    assert.deepEqual([session.subscriptions.size, rig.stats.subscriptionsRevoked], [0, 1]);
  }
});
