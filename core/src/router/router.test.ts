import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../clock.js';
import { type Limits, makeLimits } from '../limits.js';
import { Stats } from '../stats.js';
import { slowCustody } from '../store/store.test.support.js';
import { Router } from './router.js';
import { bytesRun, FakeSubscriber, messageOf, runOf, subscription } from './router.test.support.js';

function scene(limits: Partial<Limits> = {}) {
  const clock = new ManualClock();
  const stats = new Stats();
  const stores = slowCustody();
  const router = new Router({ limits: makeLimits(limits), stats, custody: stores.custody, clock });
  const domain = router.domain(null);
  const dropped: string[] = [];
  router.onGroupDrop = (_domain, topic, count) => dropped.push(`${topic} ${count}`);
  const subscribe = (subscriber: FakeSubscriber, key: string, options = {}) => {
    const made = subscription(subscriber, key, options);
    router.subscribe(domain, made);
    return made;
  };
  const publish = (topic: string, origin: object | null = null): boolean => router.route(domain, runOf(domain.topics, messageOf(topic), origin));
  return { router, domain, clock, stats, dropped, subscribe, publish, ...stores };
}

function payloads(subscriber: FakeSubscriber): string[] {
  return subscriber.got.flatMap((got) => got.payloads);
}

test('A message reaches every subscriber of its topic, and the publisher learns whether there is one.', () => {
  const { subscribe, publish } = scene();
  const [one, two] = [new FakeSubscriber(), new FakeSubscriber()];
  subscribe(one, 'a/+');
  subscribe(two, 'a/b');
  assert.deepEqual([publish('a/b'), publish('a/c'), publish('b')], [true, true, false]);
  assert.deepEqual([one.got.length, two.got.length], [2, 1]);
});

test('Tenants share nothing: neither subscriptions nor retained messages.', () => {
  const { router, domain, publish } = scene();
  const other = router.domain('acme');
  assert.notEqual(other, domain);
  assert.equal(router.domain('acme'), other);
  const subscriber = new FakeSubscriber();
  router.subscribe(other, subscription(subscriber, '#'));
  assert.equal(publish('a'), false);
  router.retain(domain, messageOf('a'));
  assert.deepEqual([router.retained(other, '#').length, router.retained(domain, '#').length], [0, 1]);
  assert.equal(subscriber.got.length, 0);
});

test('A remembered route follows every change of the subscriptions.', () => {
  const { subscribe, publish, router, domain, stats } = scene();
  const [one, two] = [new FakeSubscriber(), new FakeSubscriber()];
  const first = subscribe(one, 'a');
  publish('a');
  subscribe(two, '+');
  publish('a');
  router.unsubscribe(domain, first);
  publish('a');
  assert.deepEqual([one.got.length, two.got.length, stats.subscriptions], [2, 2, 1]);
  router.unsubscribe(domain, first);
  assert.equal(stats.subscriptions, 1);
});

test('A route is found by its topic also after the table of topics was emptied and its places given to others.', () => {
  const { subscribe, publish } = scene({ maxTopicCacheEntries: 16 });
  const subscribers = Array.from({ length: 100 }, (_, i) => {
    const subscriber = new FakeSubscriber();
    subscribe(subscriber, `t/${i}`);
    return subscriber;
  });
  for (let round = 0; round < 3; round += 1) for (let i = 0; i < 100; i += 1) publish(`t/${i}`);
  for (const [i, subscriber] of subscribers.entries()) {
    assert.deepEqual(
      subscriber.got.map(({ topic }) => topic),
      [`t/${i}`, `t/${i}`, `t/${i}`],
    );
  }
});

test('An entry that outlived its filling of the table is routed all the same.', () => {
  const { subscribe, router, domain, publish } = scene({ maxTopicCacheEntries: 16 });
  const subscriber = new FakeSubscriber();
  subscribe(subscriber, 'old');
  const run = runOf(domain.topics, messageOf('old'));
  for (let i = 0; i < 20; i += 1) publish(`fill/${i}`);
  assert.notEqual(run.entry.epoch, domain.topics.epoch);
  assert.equal(router.route(domain, run), true);
  assert.equal(subscriber.got.length, 1);
});

test('What is remembered of routes is bounded by the receivers in them.', () => {
  const { subscribe, publish, domain } = scene({ maxRouteTargets: 1000 });
  const subscribers = Array.from({ length: 90 }, () => new FakeSubscriber());
  for (const subscriber of subscribers) subscribe(subscriber, '#');
  for (let i = 0; i < 50; i += 1) publish(`t/${i}`);
  assert.ok(domain.routedTargets > 0 && domain.routedTargets <= 1000);
  assert.equal(
    domain.routes.reduce((sum, route) => sum + (route?.size ?? 0), 0),
    domain.routedTargets,
  );
  assert.equal(subscribers[0]?.got.length, 50);
});

test('A topic above maxCachedTopicBytes is routed as any other and not remembered.', () => {
  const { subscribe, publish, domain } = scene({ maxCachedTopicBytes: 20 });
  const subscriber = new FakeSubscriber();
  subscribe(subscriber, '#');
  for (let i = 0; i < 100; i += 1) publish(`long/${'x'.repeat(20)}/${i}`);
  assert.deepEqual([domain.topics.size, domain.routedTargets, subscriber.got.length], [0, 0, 100]);
  for (let i = 0; i < 100; i += 1) publish(`short/${i}`);
  assert.deepEqual([domain.topics.size, domain.routedTargets, subscriber.got.length], [100, 100, 200]);
});

test('Remembered routes are bounded also where one subscriber has many filters that match.', () => {
  const { subscribe, publish, domain } = scene({ maxRouteTargets: 1000 });
  const one = new FakeSubscriber();
  for (let bits = 0; bits < 128; bits += 1) subscribe(one, `${Array.from({ length: 7 }, (_, i) => ((bits >> i) & 1 ? '+' : 'a')).join('/')}/+`);
  for (let i = 0; i < 100; i += 1) {
    publish(`a/a/a/a/a/a/a/${i}`);
    const remembered = domain.routes.reduce((sum, route) => sum + (route?.targets[0]?.subscriptions.length ?? 0), 0);
    assert.ok(remembered <= 1000, String(remembered));
  }
  assert.equal(one.got.length, 100);
});

test('With No Local nothing comes back to its publisher, but it does through another subscription.', () => {
  const { subscribe, publish } = scene();
  const [one, two] = [new FakeSubscriber(), new FakeSubscriber()];
  subscribe(one, 'a', { noLocal: true });
  subscribe(two, 'a', { noLocal: true, qos: 2, id: 1 });
  subscribe(two, '+', { qos: 1, id: 2 });
  publish('a', one);
  publish('a', two);
  assert.equal(one.got.length, 1);
  assert.deepEqual(
    two.got.map(({ qos, ids }) => [qos, ids]),
    [
      [2, [1, 2]],
      [1, [2]],
    ],
  );
});

test('The messages of a group go to its members in turn, each to one.', () => {
  const { subscribe, publish, router, domain } = scene();
  const members = [new FakeSubscriber(), new FakeSubscriber(), new FakeSubscriber()];
  for (const member of members) subscribe(member, '$share/g/a');
  for (let i = 0; i < 6; i += 1) publish('a');
  assert.deepEqual(
    members.map((member) => member.got.length),
    [2, 2, 2],
  );
  router.route(domain, bytesRun(domain.topics, 'a', ['1', '2', '3', '4', '5', '6']));
  assert.deepEqual(
    members
      .flatMap(payloads)
      .filter((payload) => payload !== 'payload')
      .sort(),
    ['1', '2', '3', '4', '5', '6'],
  );
  assert.deepEqual(
    members.map((member) => member.got.length),
    [4, 4, 4],
  );
});

test('A run that a group divided is whole again for whoever comes next.', () => {
  const { subscribe, router, domain } = scene();
  const [member, second, plain] = [new FakeSubscriber(), new FakeSubscriber(), new FakeSubscriber()];
  subscribe(member, '$share/g/a');
  subscribe(second, '$share/h/a');
  subscribe(plain, 'a');
  const run = bytesRun(domain.topics, 'a', ['1', '2', '3']);
  router.route(domain, run);
  assert.deepEqual(
    [payloads(member), payloads(second), payloads(plain)],
    [
      ['1', '2', '3'],
      ['1', '2', '3'],
      ['1', '2', '3'],
    ],
  );
  assert.deepEqual([run.first, run.last, run.shared, run.divided], [0, 3, null, false]);
  assert.ok([...member.got, ...second.got].every(({ divided }) => divided) && plain.got.every(({ divided }) => !divided));
});

test('A member that may not have the message is passed over, and the message is dropped and counted when none may.', () => {
  const { subscribe, publish, dropped } = scene();
  const [one, two] = [new FakeSubscriber(), new FakeSubscriber()];
  subscribe(one, '$share/g/#');
  subscribe(two, '$share/g/#');
  one.closed.add('a');
  for (let i = 0; i < 4; i += 1) publish('a');
  assert.deepEqual([one.got.length, two.got.length], [0, 4]);
  two.closed.add('a');
  publish('a');
  assert.deepEqual(dropped, ['a 1']);
});

test('A member that is connected goes before one that is not.', () => {
  const { subscribe, publish } = scene();
  const [away, here] = [new FakeSubscriber(), new FakeSubscriber()];
  away.connected = false;
  subscribe(away, '$share/g/a');
  subscribe(here, '$share/g/a');
  for (let i = 0; i < 3; i += 1) publish('a');
  assert.deepEqual([away.got.length, here.got.length], [0, 3]);
  here.closed.add('a');
  publish('a');
  assert.equal(away.got.length, 1);
});

test('Where code decides, members are tried one after the other until one takes the message, at once or later.', () => {
  const { subscribe, publish, dropped } = scene();
  const members = [new FakeSubscriber(), new FakeSubscriber(), new FakeSubscriber()];
  for (const member of members) {
    member.asks = true;
    subscribe(member, '$share/g/a');
  }
  publish('a');
  assert.deepEqual(
    members.map((member) => member.offered.length),
    [1, 0, 0],
  );
  members[0]?.offered[0]?.(false);
  assert.equal(members[1]?.offered.length, 1);
  members[1]?.offered[0]?.(true);
  assert.deepEqual(
    members.map((member) => member.got.length),
    [0, 1, 0],
  );
  assert.equal(members[2]?.offered.length, 0);
  // The next message begins with the next member.
  publish('a');
  assert.equal(members[1]?.offered.length, 2);
  members[1]?.offered[1]?.(false);
  members[2]?.offered[0]?.(false);
  members[0]?.offered[1]?.(false);
  assert.deepEqual(dropped, ['a 1']);
});

test('Whether rules or code say who of a group may have a message, the turn goes on in the same way.', () => {
  const taken = [false, true].map((asks) => {
    const { subscribe, publish } = scene();
    const members = ['a', 'b', 'c', 'd'].map((id) => new FakeSubscriber(id));
    for (const [index, member] of members.entries()) {
      member.asks = asks;
      member.connected = index < 3;
      // The second member may not have it.
      if (index === 1) member.closed.add('t');
      member.offerShared = (run, target, answer) => {
        const yes = member.accepts(run);
        if (yes) member.deliver(run, target);
        answer(yes);
      };
      subscribe(member, '$share/g/t');
    }
    for (let i = 0; i < 5; i += 1) publish('t');
    for (const member of members.slice(0, 3)) member.closed.add('t');
    for (let i = 0; i < 2; i += 1) publish('t');
    for (const member of members) member.closed.add('t');
    publish('t');
    members[2]?.closed.clear();
    publish('t');
    return members.map((member) => member.got.length);
  });
  assert.deepEqual(taken, [
    [3, 0, 3, 2],
    [3, 0, 3, 2],
  ]);
});

test('Who is in a group beside its own subscription gets both copies of a message before those of the next.', () => {
  const { subscribe, router, domain } = scene();
  const [both, plain] = [new FakeSubscriber(), new FakeSubscriber()];
  subscribe(both, 'a');
  subscribe(both, '$share/g/+');
  const run = bytesRun(domain.topics, 'a', ['1', '2', '3']);
  router.route(domain, run);
  assert.deepEqual(payloads(both), ['1', '1', '2', '2', '3', '3']);
  assert.deepEqual([run.first, run.last, run.shared, run.divided], [0, 3, null, false]);
  // Where nobody is twice in it, the run stays whole for those who are in no group.
  subscribe(plain, 'b/c');
  subscribe(both, '$share/g/b/c');
  router.route(domain, bytesRun(domain.topics, 'b/c', ['1', '2', '3']));
  assert.deepEqual(
    plain.got.map(({ payloads: all }) => all),
    [['1', '2', '3']],
  );
});

test('A message that waits for the answer of a member is the one that it was, whatever is read meanwhile.', () => {
  const { subscribe, router, domain } = scene();
  const member = new FakeSubscriber();
  member.asks = true;
  subscribe(member, '$share/g/a');
  router.route(domain, bytesRun(domain.topics, 'a', ['1', '2']));
  router.route(domain, bytesRun(domain.topics, 'a', ['x', 'y']));
  for (const offered of member.offered) offered(true);
  assert.deepEqual(payloads(member), ['1', '2', 'x', 'y']);
});

test('A retained message replaces the one before it, and an empty one clears it; the store hears of each.', () => {
  const { router, domain, retained, stats } = scene();
  router.retain(domain, messageOf('a', { payload: Buffer.from('1') }));
  router.retain(domain, messageOf('a', { payload: Buffer.from('22') }));
  assert.equal(router.retained(domain, 'a')[0]?.message.payload.toString(), '22');
  assert.deepEqual([stats.retainedMessages, stats.retainedBytes], [1, domain.retained.bytes]);
  router.retain(domain, messageOf('a', { payload: Buffer.alloc(0) }));
  router.retain(domain, messageOf('never', { payload: Buffer.alloc(0) }));
  assert.deepEqual([router.retained(domain, '#').length, stats.retainedMessages, stats.retainedBytes], [0, 0, 0]);
  assert.deepEqual(
    retained.changes.map(({ kind }) => kind),
    ['set', 'set', 'cleared'],
  );
});

test('Retained messages are bounded in number and bytes; what is there may still be replaced within them.', () => {
  const { router, domain, stats } = scene({ maxRetainedMessages: 2, maxRetainedBytes: 1000 });
  const size = (topic: string, bytes: number): boolean => router.retain(domain, messageOf(topic, { payload: Buffer.alloc(bytes) }));
  assert.deepEqual([size('a', 100), size('b', 100), size('c', 1), size('a', 150), size('a', 5000)], [true, true, false, true, false]);
  assert.deepEqual([stats.retainRefused, stats.retainedMessages], [2, 2]);
  assert.equal(router.retained(domain, 'a')[0]?.message.payload.length, 150);
  router.retain(domain, messageOf('b', { payload: Buffer.alloc(0) }));
  assert.equal(size('c', 1), true);
});

test('Expired retained messages are not handed out, and are forgotten with or without being asked for.', () => {
  const { router, domain, clock, stats, retained } = scene();
  router.retain(domain, messageOf('a', { expiresAt: clock.now() + 1000 }));
  router.retain(domain, messageOf('b', { expiresAt: clock.now() + 2000 }));
  router.retain(domain, messageOf('c'));
  clock.advance(1000);
  assert.deepEqual(
    router
      .retained(domain, '#')
      .map(({ message }) => message.topic)
      .sort(),
    ['b', 'c'],
  );
  assert.equal(domain.retained.count, 2);
  clock.advance(1000);
  router.sweep();
  assert.deepEqual([domain.retained.count, stats.retainedMessages, stats.droppedExpired], [1, 1, 2]);
  assert.equal(retained.changes.filter(({ kind }) => kind === 'cleared').length, 2);
});

test('When a member leaves its group the turns begin anew, and nothing of the group is left behind.', () => {
  const { subscribe, router, domain, publish } = scene();
  const members = [new FakeSubscriber(), new FakeSubscriber()];
  const made = members.map((member) => subscribe(member, '$share/g/a'));
  for (let i = 0; i < 3; i += 1) publish('a');
  for (const one of made) router.unsubscribe(domain, one);
  assert.equal(domain.turns.size, 0);
  assert.equal(publish('a'), false);
});
