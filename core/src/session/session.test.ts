import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientOf, DENY, FAULT, messageOf, rules, SKIP } from '../gate/gate.test.support.js';
import { bytesRun } from '../router/router.test.support.js';
import type { Session } from './session.js';
import { FakeOutlet, numbered, OPTIONS, type SessionRig, sessionRig } from './session.test.support.js';

const DURABLE = { sessionExpirySeconds: 100 };

function connected(rig: SessionRig, own: readonly string[] = ['+#'], info = {}): { session: Session; outlet: FakeOutlet } {
  const session = rig.session(own, info);
  const outlet = new FakeOutlet();
  session.outlet = outlet;
  return { session, outlet };
}

/** The client has other rights from now on. */
function change(rig: SessionRig, session: Session, ...own: string[]): void {
  session.client.stand(rig.standing, clientOf(rules(...own), rig.standing).binding, ['rules']);
  session.recheck('rules');
}

test('A copy has the lower of the two QoS, and is retained only as published.', () => {
  const rig = sessionRig();
  const { session, outlet } = connected(rig);
  session.subscribe('a', { ...OPTIONS, qos: 1, id: 9 });
  session.subscribe('b', { ...OPTIONS, retainAsPublished: true });
  for (const qos of [0, 1, 2] as const) rig.publish(numbered('a', qos, qos, { retain: true }));
  rig.publish(numbered('b', 3, 0, { retain: true }));
  assert.deepEqual(
    outlet.sent.map(({ topic, qos, retain, ids }) => [topic, qos, retain, ids]),
    [
      ['a', 0, false, [9]],
      ['a', 1, false, [9]],
      ['a', 1, false, [9]],
      ['b', 0, true, null],
    ],
  );
});

test('A run of bytes is passed on as bytes where nothing asks for more, and message by message where something does.', () => {
  const cases: [string, (rig: SessionRig) => FakeOutlet, boolean][] = [
    ['plain', (rig) => subscribed(connected(rig)), true],
    ['identifier', (rig) => subscribed(connected(rig), { id: 3 }), false],
    ['small packets', (rig) => withLimit(subscribed(connected(rig)), 10), false],
    ['large enough', (rig) => withLimit(subscribed(connected(rig)), 1000), true],
  ];
  for (const [name, make, asRun] of cases) {
    const rig = sessionRig();
    const outlet = make(rig);
    const run = bytesRun(rig.domain.topics, 'a', ['1', '2', '3']);
    run.maxPacketBytes = 6;
    rig.router.route(rig.domain, run);
    assert.deepEqual([outlet.runs.length, outlet.sent.length], asRun ? [1, 0] : [0, 3], name);
  }
});

function subscribed({ session, outlet }: { session: Session; outlet: FakeOutlet }, options = {}): FakeOutlet {
  session.subscribe('a', { ...OPTIONS, ...options });
  return outlet;
}

function withLimit(outlet: FakeOutlet, bytes: number): FakeOutlet {
  outlet.maxPacketBytes = bytes;
  return outlet;
}

test('QoS 0 is never queued: without a connection it is nothing, with a slow one it is dropped and counted.', () => {
  const rig = sessionRig();
  const { session, outlet } = connected(rig, ['+#'], DURABLE);
  session.subscribe('a', OPTIONS);
  outlet.congested = true;
  rig.publish(numbered('a', 1, 0));
  rig.router.route(rig.domain, bytesRun(rig.domain.topics, 'a', ['1', '2']));
  assert.deepEqual([session.queueLength, rig.stats.droppedSlowConsumer], [0, 3]);
  session.disconnected();
  rig.publish(numbered('a', 1, 0));
  assert.deepEqual([session.queueLength, rig.stats.droppedSlowConsumer, outlet.sent.length], [0, 3, 0]);
});

test('What is above QoS 0 waits for a slow peer and goes out in order when it reads again.', () => {
  const rig = sessionRig();
  const { session, outlet } = connected(rig);
  session.subscribe('a', OPTIONS);
  outlet.congested = true;
  for (let i = 0; i < 5; i += 1) rig.publish(numbered('a', i, i % 2 === 0 ? 1 : 2));
  assert.deepEqual([session.queueLength, rig.stats.messagesQueued], [5, 5]);
  outlet.congested = false;
  session.pump();
  assert.deepEqual([outlet.payloads, session.queueLength, rig.stats.queuedBytes], [['000', '001', '002', '003', '004'], 0, 0]);
});

test('No more is on its way than the client takes; each acknowledgement lets one more go.', () => {
  const rig = sessionRig();
  const { session, outlet } = connected(rig);
  session.inFlight.limit = 2;
  session.subscribe('a', OPTIONS);
  for (let i = 0; i < 5; i += 1) rig.publish(numbered('a', i));
  assert.deepEqual([outlet.payloads, session.queueLength], [['000', '001'], 3]);
  session.acknowledged(outlet.sent[1]?.packetId ?? 0);
  session.acknowledged(outlet.sent[0]?.packetId ?? 0);
  assert.deepEqual(outlet.payloads, ['000', '001', '002', '003']);
  rig.publish(numbered('a', 9));
  session.acknowledged(outlet.sent[2]?.packetId ?? 0);
  session.acknowledged(outlet.sent[3]?.packetId ?? 0);
  assert.deepEqual(outlet.payloads, ['000', '001', '002', '003', '004', '009']);
  assert.equal(new Set(outlet.sent.map(({ packetId }) => packetId)).size, 6);
});

test('The queue of a session is bounded in messages and bytes, and that of all sessions in bytes; the newest is dropped.', () => {
  const size = numbered('a', 0).bytes;
  const bounds: [object, number][] = [
    [{ maxQueuedMessages: 3 }, 3],
    [{ maxQueuedBytes: size * 4 + 10 }, 4],
    [{ maxTotalQueuedBytes: size * 2 }, 2],
    [{ maxQueuedMessages: 0 }, 0],
  ];
  for (const [limits, kept] of bounds) {
    const rig = sessionRig({ limits });
    const { session, outlet } = connected(rig);
    session.subscribe('a', OPTIONS);
    outlet.congested = true;
    for (let i = 0; i < 10; i += 1) rig.publish(numbered('a', i));
    assert.deepEqual([session.queueLength, rig.stats.droppedQueueFull], [kept, 10 - kept], JSON.stringify(limits));
    outlet.congested = false;
    session.pump();
    assert.deepEqual(outlet.payloads, ['000', '001', '002', '003', '004'].slice(0, kept));
    assert.deepEqual([rig.stats.queuedBytes, rig.stats.messagesQueued], [0, 0]);
  }
});

test('A session that does not outlive its connection keeps nothing without one.', () => {
  const rig = sessionRig();
  const { session } = connected(rig);
  session.subscribe('a', OPTIONS);
  session.outlet = null;
  rig.publish(numbered('a', 1));
  assert.deepEqual([session.queueLength, rig.stats.droppedSessionEnded], [0, 1]);
});

test('A durable session keeps what comes while it is away, and the store hears of every step.', () => {
  const rig = sessionRig();
  const session = rig.session(['+#'], DURABLE);
  session.subscribe('a', OPTIONS);
  rig.publish(numbered('a', 1));
  rig.publish(numbered('a', 2, 2));
  assert.equal(session.queueLength, 2);
  const outlet = new FakeOutlet();
  session.outlet = outlet;
  session.resend(outlet);
  session.acknowledged(outlet.sent[0]?.packetId ?? 0);
  session.released(outlet.sent[1]?.packetId ?? 0);
  session.acknowledged(outlet.sent[1]?.packetId ?? 0);
  session.unsubscribe('a');
  assert.deepEqual(
    rig.sessions.changes.map(({ kind }) => kind),
    ['subscribed', 'queued', 'queued', 'sent', 'sent', 'settled', 'released', 'settled', 'unsubscribed'],
  );
  const queued = rig.sessions.changes.flatMap((change_) => (change_.kind === 'queued' ? [[change_.sequence, change_.qos]] : []));
  assert.deepEqual(queued, [
    [1, 1],
    [2, 2],
  ]);
});

test('A session that is not durable costs the store nothing.', () => {
  const rig = sessionRig();
  const { session, outlet } = connected(rig);
  session.subscribe('a', OPTIONS);
  rig.publish(numbered('a', 1, 2));
  session.released(outlet.sent[0]?.packetId ?? 0);
  session.acknowledged(outlet.sent[0]?.packetId ?? 0);
  session.hold(4, rig.gate.approvePluginMessage(messageOf('x', { qos: 2 })));
  session.complete(4);
  session.unsubscribe('a');
  session.discard();
  assert.equal(rig.sessions.changes.length, 0);
});

test('A message that expired while it waited is dropped when its turn comes.', () => {
  const rig = sessionRig();
  const { session, outlet } = connected(rig);
  session.subscribe('a', OPTIONS);
  outlet.congested = true;
  rig.publish(numbered('a', 1, 1, { expiresAt: rig.clock.now() + 1000 }));
  rig.publish(numbered('a', 2, 1, { expiresAt: rig.clock.now() + 5000 }));
  rig.clock.advance(1000);
  outlet.congested = false;
  session.pump();
  assert.deepEqual([outlet.payloads, rig.stats.droppedExpired], [['002'], 1]);
});

test('A message that is larger than the client takes is done with, at any QoS, and its identifier is free.', () => {
  const rig = sessionRig();
  const { session, outlet } = connected(rig, ['+#'], DURABLE);
  outlet.maxPayload = 5;
  session.subscribe('a', OPTIONS);
  for (const qos of [0, 1, 2] as const) rig.publish(messageOf('a', { qos, payload: Buffer.alloc(6) }));
  rig.publish(numbered('a', 1));
  assert.deepEqual([outlet.payloads, rig.stats.droppedTooLarge, session.inFlight.count], [['001'], 3, 1]);
  assert.equal(rig.sessions.changes.filter(({ kind }) => kind === 'settled').length, 2);
});

test('A right that was lost while copies were queued holds them back until its grace is over.', () => {
  const rig = sessionRig();
  const { session, outlet } = connected(rig);
  session.subscribe('#', OPTIONS);
  outlet.congested = true;
  rig.publish(numbered('a', 1));
  rig.publish(numbered('b', 2));
  change(rig, session, '+b');
  outlet.congested = false;
  session.pump();
  assert.deepEqual([outlet.payloads, rig.stats.copiesHeldBack, rig.stats.droppedNotAuthorized, rig.stats.messagesQueued], [['002'], 1, 0, 1]);
  rig.clock.advance(60_100);
  assert.deepEqual([outlet.payloads, rig.stats.droppedNotAuthorized, rig.stats.messagesQueued], [['002'], 1, 0]);
});

test('A queued copy must still be subscribed for, not only be receivable, after the rights changed.', () => {
  const rig = sessionRig();
  const { session, outlet } = connected(rig);
  session.subscribe('a', OPTIONS);
  outlet.congested = true;
  rig.publish(numbered('a', 1));
  change(rig, session, 'receive:+a');
  outlet.congested = false;
  session.pump();
  assert.deepEqual(outlet.payloads, []);
});

test('A subscription that was proven is judged again after a change, also for topics that were never seen before.', () => {
  const rig = sessionRig();
  rig.standing.engine.setTemplate('rules', 't', rules('+#'));
  const { session, outlet } = connected(rig);
  const variables = { username: 'ann', clientId: 'c1', tenant: null, commonName: null, attributes: null };
  const sources = [{ plugin: 'rules', templates: ['t'], rules: null }];
  session.client.stand(rig.standing, rig.standing.engine.bind({ combine: 'deny-overrides', variables, sources }), ['rules']);
  session.subscribe('#', OPTIONS);
  rig.publish(numbered('seen', 1));
  // Nobody tells the session: the template is changed under it.
  rig.standing.engine.setTemplate('rules', 't', rules('+#', '-seen', '-new'));
  for (const topic of ['seen', 'new', 'other']) rig.publish(numbered(topic, 2));
  rig.router.route(rig.domain, bytesRun(rig.domain.topics, 'new', ['1', '2']));
  assert.deepEqual(
    outlet.sent.map(({ topic }) => topic),
    ['seen', 'other'],
  );
  assert.deepEqual([outlet.runs, rig.stats.deliveriesDenied], [[], 4]);
});

test('A new subscription is judged by the rights of the moment in which it is made.', () => {
  const rig = sessionRig();
  const { session, outlet } = connected(rig, ['+a']);
  session.subscribe('#', OPTIONS);
  rig.publish(numbered('a', 1));
  rig.publish(numbered('b', 2));
  assert.deepEqual(outlet.payloads, ['001']);
});

test('Retained messages go out as the peer takes them, each once, and only while their subscription is there.', () => {
  const rig = sessionRig();
  const { session, outlet } = connected(rig);
  for (let i = 0; i < 10; i += 1) rig.router.retain(rig.domain, numbered(`a/${i}`, i, 0, { retain: true }));
  const { subscription } = session.subscribe('a/+', { ...OPTIONS, qos: 1, id: 5 });
  const replay = () => {
    session.replayRetained(subscription);
    session.pump();
  };
  outlet.congestAfter = 3;
  replay();
  assert.equal(outlet.sent.length, 3);
  assert.ok(outlet.sent.every(({ retain, qos, ids }) => retain && qos === 0 && ids?.[0] === 5));
  outlet.congestAfter = 7;
  outlet.congested = false;
  session.pump();
  assert.equal(outlet.sent.length, 7);
  session.unsubscribe('a/+');
  outlet.congested = false;
  outlet.congestAfter = 100;
  session.pump();
  assert.equal(outlet.sent.length, 7);
  assert.equal(new Set(outlet.payloads).size, 7);
});

test('Retained messages above QoS 0 fill the window of the client, and go on with its acknowledgements.', () => {
  const rig = sessionRig();
  const { session, outlet } = connected(rig);
  session.inFlight.limit = 2;
  for (let i = 0; i < 6; i += 1) rig.router.retain(rig.domain, numbered(`a/${i}`, i, 1, { retain: true }));
  const { subscription } = session.subscribe('a/+', OPTIONS);
  session.replayRetained(subscription);
  session.pump();
  assert.equal(outlet.sent.length, 2);
  assert.ok(session.queueLength <= 1);
  for (let i = 0; i < 6; i += 1) session.acknowledged(outlet.sent[i]?.packetId ?? 0);
  assert.equal(new Set(outlet.payloads).size, 6);
});

test('A retained message is judged when its turn comes, by the rights of that moment.', () => {
  const rig = sessionRig();
  const { session, outlet } = connected(rig);
  for (const topic of ['a', 'b', 'c'])
    rig.router.retain(rig.domain, messageOf(topic, { payload: Buffer.from(topic), expiresAt: topic === 'c' ? rig.clock.now() + 10 : 0 }));
  const { subscription } = session.subscribe('#', OPTIONS);
  outlet.congested = true;
  session.replayRetained(subscription);
  session.pump();
  change(rig, session, '+a', '+c');
  rig.clock.advance(20);
  outlet.congested = false;
  session.pump();
  assert.deepEqual([outlet.payloads, rig.stats.droppedNotAuthorized, rig.stats.droppedExpired], [['a'], 1, 1]);
});

test('Replacing a subscription keeps it one, with its new options; removing what is not there says so.', () => {
  const rig = sessionRig();
  const { session, outlet } = connected(rig);
  const first = session.subscribe('a', { ...OPTIONS, qos: 2, id: 1 });
  const second = session.subscribe('a', { ...OPTIONS, qos: 0, id: 2 });
  assert.deepEqual([first.isNew, second.isNew, second.subscription === first.subscription], [true, false, true]);
  rig.publish(numbered('a', 1, 2));
  assert.deepEqual(
    outlet.sent.map(({ qos, ids }) => [qos, ids]),
    [[0, [2]]],
  );
  assert.equal(rig.stats.subscriptions, 1);
  assert.equal(session.unsubscribe('a'), first.subscription);
  assert.equal(session.unsubscribe('a'), null);
  assert.equal(rig.publish(numbered('a', 2)), false);
});

test('A shared filter is matched by what stands behind its group.', () => {
  const rig = sessionRig();
  const { session, outlet } = connected(rig);
  const { subscription } = session.subscribe('$share/g/a/+', OPTIONS);
  assert.deepEqual([subscription.filter, subscription.shareName], ['a/+', 'g']);
  rig.publish(numbered('a/b', 1));
  assert.deepEqual(outlet.payloads, ['001']);
});

test('A shared message is not accepted without the right, a place to wait, or, at QoS 0, a connection that reads.', () => {
  const rig = sessionRig({ limits: { maxQueuedMessages: 1 } });
  const { session, outlet } = connected(rig, ['+a', '+b'], DURABLE);
  session.subscribe('$share/g/#', OPTIONS);
  const dropped = (message: ReturnType<typeof messageOf>): boolean => {
    const before = rig.stats.droppedNoGroupMember;
    rig.publish(message);
    return rig.stats.droppedNoGroupMember > before;
  };
  assert.deepEqual([dropped(numbered('a', 1, 0)), dropped(numbered('secret', 1, 0))], [false, true]);
  outlet.congested = true;
  assert.deepEqual([dropped(numbered('a', 1, 0)), dropped(numbered('a', 1, 1)), dropped(numbered('a', 2, 1))], [true, false, true]);
  session.outlet = null;
  assert.equal(dropped(numbered('a', 1, 0)), true);
});

test('A session that is over gives back its subscriptions and its queue.', () => {
  const rig = sessionRig();
  const { session, outlet } = connected(rig);
  session.subscribe('a', OPTIONS);
  session.subscribe('$share/g/a', OPTIONS);
  outlet.congested = true;
  for (let i = 0; i < 4; i += 1) rig.publish(numbered('a', i));
  session.hold(3, null);
  session.discard();
  assert.deepEqual([session.queueLength, rig.stats.queuedBytes, rig.stats.messagesQueued, rig.stats.subscriptions], [0, 0, 0, 0]);
  assert.deepEqual([session.subscriptions.size, session.received.size, rig.publish(numbered('a', 9))], [0, 0, false]);
  assert.ok(rig.stats.droppedSessionEnded >= 4);
});

test('After a reconnection everything unacknowledged goes out again first, in its old order, marked as a duplicate.', () => {
  const rig = sessionRig();
  const { session, outlet } = connected(rig, ['+#'], DURABLE);
  session.subscribe('a', OPTIONS);
  for (let i = 0; i < 6; i += 1) rig.publish(numbered('a', i, i % 2 === 0 ? 2 : 1));
  session.acknowledged(outlet.sent[1]?.packetId ?? 0);
  session.released(outlet.sent[2]?.packetId ?? 0);
  session.disconnected();
  rig.publish(numbered('a', 6));
  const next = new FakeOutlet();
  session.outlet = next;
  rig.publish(numbered('a', 7));
  session.resend(next);
  assert.deepEqual(next.pubrels, [outlet.sent[2]?.packetId]);
  assert.deepEqual(
    next.sent.map(({ payload, dup }) => [payload, dup]),
    [
      ['000', true],
      ['003', true],
      ['004', true],
      ['005', true],
      ['006', false],
      ['007', false],
    ],
  );
  const ids = new Map(outlet.sent.map(({ payload, packetId }) => [payload, packetId]));
  for (const { payload, packetId, dup } of next.sent) if (dup) assert.equal(packetId, ids.get(payload));
});

test('What may no longer be received is not sent again, and its identifier is free.', () => {
  const rig = sessionRig();
  const { session } = connected(rig, ['+#'], DURABLE);
  session.subscribe('#', OPTIONS);
  rig.publish(numbered('a', 1));
  rig.publish(numbered('b', 2));
  session.disconnected();
  change(rig, session, '+b');
  const next = new FakeOutlet();
  session.outlet = next;
  session.resend(next);
  assert.deepEqual([next.payloads, session.inFlight.count, rig.stats.droppedNotAuthorized], [['002'], 1, 1]);
});

test('Sending again keeps to what the client takes now, which may be less than before.', () => {
  const rig = sessionRig();
  const { session } = connected(rig, ['+#'], DURABLE);
  session.subscribe('a', OPTIONS);
  for (let i = 0; i < 5; i += 1) rig.publish(numbered('a', i));
  session.disconnected();
  const next = new FakeOutlet();
  session.outlet = next;
  session.inFlight.limit = 2;
  session.resend(next);
  assert.deepEqual(next.payloads, ['000', '001']);
  for (let i = 0; i < 5; i += 1) session.acknowledged(next.sent[i]?.packetId ?? 0);
  assert.deepEqual(next.payloads, ['000', '001', '002', '003', '004']);
  assert.equal(session.inFlight.count, 0);
});

test('Without a durable session nothing is sent again.', () => {
  const rig = sessionRig();
  const { session } = connected(rig);
  session.subscribe('a', OPTIONS);
  rig.publish(numbered('a', 1));
  session.disconnected();
  assert.equal(session.inFlight.count, 0);
});

function asking(rig: SessionRig): void {
  rig.standing.hooks.tapped.add('code authorize');
}

test('Copies that code is asked about go out in their order, however long each answer takes.', () => {
  const rig = sessionRig();
  asking(rig);
  const { session, outlet } = connected(rig);
  session.subscribe('a', OPTIONS);
  for (let i = 0; i < 4; i += 1) rig.publish(numbered('a', i));
  const { asked } = rig.standing.hooks;
  assert.equal(asked.length, 1);
  asked[0]?.answer(SKIP);
  assert.deepEqual([outlet.payloads, asked.length], [['000'], 2]);
  asked[1]?.answer(DENY);
  asked[2]?.answer(SKIP);
  asked[3]?.answer(FAULT);
  assert.deepEqual(outlet.payloads, ['000', '002']);
  assert.deepEqual([rig.stats.deliveriesDenied, rig.stats.droppedNotAuthorized, rig.stats.droppedFault], [2, 1, 1]);
});

test('Copies that wait for code are bounded.', () => {
  const rig = sessionRig({ limits: { maxPendingDeliveries: 3 } });
  asking(rig);
  const { session, outlet } = connected(rig);
  session.subscribe('a', OPTIONS);
  for (let i = 0; i < 10; i += 1) rig.publish(numbered('a', i));
  assert.equal(rig.stats.droppedQueueFull, 6);
  for (let i = 0; i < 4; i += 1) rig.standing.hooks.asked[i]?.answer(SKIP);
  assert.deepEqual(outlet.payloads, ['000', '001', '002', '003']);
});

test('A right that is lost while code is asked about a copy counts: the copy is judged by the new rules.', () => {
  const rig = sessionRig();
  asking(rig);
  const { session, outlet } = connected(rig);
  session.subscribe('#', OPTIONS);
  rig.publish(numbered('a', 1));
  rig.publish(numbered('b', 2));
  change(rig, session, '+b');
  for (let i = 0; i < 6; i += 1) rig.standing.hooks.asked[i]?.answer(SKIP);
  assert.deepEqual(outlet.payloads, ['002']);
});

test('A session that is over takes no answers any more.', () => {
  const rig = sessionRig();
  asking(rig);
  const { session, outlet } = connected(rig);
  session.subscribe('a', OPTIONS);
  rig.publish(numbered('a', 1));
  session.discard();
  assert.equal(rig.standing.hooks.asked[0]?.cancelled, true);
  assert.deepEqual(outlet.payloads, []);
});

test('Sending again waits for code, message by message, and skips what was acknowledged meanwhile.', () => {
  const rig = sessionRig();
  const { session, outlet } = connected(rig, ['+#'], DURABLE);
  session.subscribe('a', OPTIONS);
  for (let i = 0; i < 4; i += 1) rig.publish(numbered('a', i));
  session.disconnected();
  asking(rig);
  session.client.stand(rig.standing, session.client.binding, ['rules']);
  const next = new FakeOutlet();
  session.outlet = next;
  session.resend(next);
  const { asked } = rig.standing.hooks;
  assert.equal(asked.length, 1);
  // The client acknowledges the first and the third of its own accord, before they are sent again.
  session.acknowledged(outlet.sent[0]?.packetId ?? 0);
  session.acknowledged(outlet.sent[2]?.packetId ?? 0);
  asked[0]?.answer(SKIP);
  asked[1]?.answer(SKIP);
  asked[2]?.answer(DENY);
  assert.deepEqual([next.payloads, asked.length, session.inFlight.count], [['001'], 3, 1]);
});

test('A QoS 2 message of a durable client is in the store until its PUBREL; one that was refused is not.', () => {
  const rig = sessionRig();
  const session = rig.session(['+#'], DURABLE);
  const approved = rig.gate.approvePluginMessage(messageOf('x', { qos: 2 }));
  session.hold(1, approved);
  session.hold(2, null);
  assert.equal(session.received.get(1), approved);
  session.complete(1);
  session.complete(1);
  session.complete(77);
  assert.deepEqual(
    rig.sessions.changes.map((change_) => [change_.kind, 'packetId' in change_ ? change_.packetId : 0]),
    [
      ['received', 1],
      ['completed', 1],
    ],
  );
});

test('Each delivery is told to whoever listens, one by one.', () => {
  const rig = sessionRig();
  rig.standing.global.tapped.add('messageDelivered');
  rig.gate.stand(new Map([['default', rig.standing]]), rig.standing.global, rig.gate.sessionRules);
  const { session, outlet } = connected(rig);
  session.subscribe('a', OPTIONS);
  rig.router.route(rig.domain, bytesRun(rig.domain.topics, 'a', ['1', '2']));
  rig.publish(numbered('a', 1));
  assert.equal(outlet.runs.length, 0);
  assert.deepEqual(
    rig.standing.global.told.map(({ news }) => [news.clientId, news.topic, news.qos, news.payloadBytes]),
    [
      ['c1', 'a', 0, 1],
      ['c1', 'a', 0, 1],
      ['c1', 'a', 1, 3],
    ],
  );
});

test('A session with many subscriptions that ends forgets them in slices; what still finds it is dropped.', async () => {
  const rig = sessionRig();
  const { session } = connected(rig, ['+#'], DURABLE);
  for (let i = 0; i < 500; i += 1) session.subscribe(`x/${i}`, { ...OPTIONS, qos: 1 });
  session.outlet = null;
  session.discard();
  assert.equal(session.subscriptions.size, 0);
  assert.equal(rig.domain.tree.size, 500);
  rig.publish(numbered('x/499', 1, 1));
  assert.deepEqual([session.queueLength, rig.stats.droppedSessionEnded], [0, 1]);
  for (let i = 0; rig.domain.tree.size > 0; i += 1) {
    assert.ok(i < 500, 'they are never forgotten');
    await new Promise((resolve) => setImmediate(resolve));
  }
});
