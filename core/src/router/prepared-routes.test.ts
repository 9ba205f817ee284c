import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../clock.js';
import { type Limits, makeLimits } from '../limits.js';
import { Stats } from '../stats.js';
import { slowCustody } from '../store/store.test.support.js';
import type { Preparation } from './preparation.js';
import { Router } from './router.js';
import { FakeSubscriber, messageOf, runOf, subscription } from './router.test.support.js';

/** Filters of `levels` levels that each are a `+` or an `a`: all of them match a topic of as many `a`. */
function overlapping(levels: number): string[] {
  return Array.from({ length: 2 ** levels }, (_, bits) => Array.from({ length: levels }, (_level, i) => ((bits >> i) & 1 ? '+' : 'a')).join('/'));
}

type Fake = FakeSubscriber;

const LEVELS = 11;
const FILTERS = overlapping(LEVELS);
const topic = (last: string): string => `${'a/'.repeat(LEVELS - 1)}${last}`;

function scene(limits: Partial<Limits> = {}) {
  const router = new Router({ limits: makeLimits(limits), stats: new Stats(), custody: slowCustody().custody, clock: new ManualClock() });
  const domain = router.domain(null);
  const subscribe = (subscriber: FakeSubscriber, key: string) => {
    const made = subscription(subscriber, key);
    router.subscribe(domain, made);
    return made;
  };
  const prepare = (name: string) => router.prepare(domain, domain.topics.intern(name));
  const publish = (name: string): boolean => router.route(domain, runOf(domain.topics, messageOf(name)));
  /** As a connection does it: all steps, and then the message. */
  const publishPrepared = (name: string): number => {
    const preparation = prepare(name);
    const steps = take(preparation);
    if (preparation === null) publish(name);
    else router.handOver(domain, preparation, () => publish(name));
    return steps;
  };
  return { router, domain, subscribe, prepare, publish, publishPrepared };
}

/** Takes all steps that are left, and gives how many there were. */
function take(preparation: Preparation | null): number {
  let count = 0;
  for (; preparation?.done === false; count += 1) preparation.step();
  return count;
}

test('A topic with few subscribers needs no preparation, and one that is known needs none either.', () => {
  const { router, subscribe, prepare, publish } = scene();
  const subscriber = new FakeSubscriber();
  subscribe(subscriber, 'a');
  assert.equal(prepare('a'), null);
  const { work } = router;
  publish('a');
  assert.equal(prepare('a'), null);
  assert.equal(router.work, work);
  assert.equal(subscriber.got.length, 1);
});

/** Tells how many of a subscriber's subscriptions were merged into targets since. */
function countMerges(subscriber: FakeSubscriber): () => number {
  const { client } = subscriber;
  let count = 0;
  Object.defineProperty(subscriber, 'client', {
    get: () => {
      count += 1;
      return client;
    },
  });
  // Each is looked at twice: by which rights it was judged, and which are those of now.
  return () => count / 2;
}

test('A topic that thousands of filters match is prepared in many small steps, and then costs a look-up.', () => {
  const { router, subscribe, publishPrepared } = scene();
  const [one, two] = [new FakeSubscriber('one'), new FakeSubscriber('two')];
  for (const filter of FILTERS) subscribe(one, filter);
  for (const filter of FILTERS.slice(0, 600)) subscribe(two, filter);
  const merged = countMerges(one);
  const { work } = router;
  assert.ok(publishPrepared(topic('a')) > 10);
  // That it was begun to be made, was made, and the size of the route.
  assert.equal(router.work - work, FILTERS.length + 600 + 2);
  assert.equal(merged(), FILTERS.length);
  assert.deepEqual([one.got.length, two.got.length], [1, 1]);
});

test('What was prepared for one topic is never taken for another, though their lists are used again.', () => {
  const { subscribe, prepare, publishPrepared } = scene();
  const wide = new FakeSubscriber('wide');
  for (const filter of FILTERS) subscribe(wide, filter);
  const narrow = Array.from({ length: 6 }, (_, i) => {
    const subscriber = new FakeSubscriber(`n${i}`);
    for (let k = 0; k <= i * 100; k += 1) subscribe(subscriber, `${topic(String(i))}${k === 0 ? '' : '/#'}`);
    return subscriber;
  });
  for (let round = 0; round < 3; round += 1) {
    for (let i = 0; i < narrow.length; i += 1) {
      take(prepare(topic(String((i + 1) % narrow.length))));
      publishPrepared(topic(String(i)));
    }
  }
  assert.deepEqual(
    narrow.map(({ got }) => got.map((one) => one.topic)),
    narrow.map((_, i) => [topic(String(i)), topic(String(i)), topic(String(i))]),
  );
  assert.equal(wide.got.length, 18);
  for (const { target } of wide.got) assert.ok(target.subscriptions.every((one) => one.subscriber === wide));
});

test('Steps are small also where one subscriber has all that match.', () => {
  const { subscribe, prepare } = scene();
  const one = new FakeSubscriber();
  for (const filter of FILTERS) subscribe(one, filter);
  const merged = countMerges(one);
  const preparation = prepare(topic('a'));
  let most = 0;
  for (let before = merged(); preparation?.done === false; before = merged()) {
    preparation.step();
    most = Math.max(most, merged() - before);
  }
  assert.equal(merged(), FILTERS.length);
  assert.ok(most > 0 && most <= 256, `${most} in a step`);
});

test('Who has gone while a topic was prepared gets nothing of it, and who has come may get it or not.', () => {
  const { router, domain, subscribe, prepare, publish } = scene();
  const [many, leaver, comer, member] = ['many', 'leaver', 'comer', 'member'].map((name) => new FakeSubscriber(name)) as [Fake, Fake, Fake, Fake];
  const leaving = [subscribe(leaver, topic('a')), subscribe(member, `$share/g/${topic('a')}`)];
  const half = subscribe(many, topic('a'));
  for (const filter of FILTERS) subscribe(many, filter);
  const preparation = prepare(topic('a'));
  take(preparation);
  for (const subscription of leaving) router.unsubscribe(domain, subscription);
  router.unsubscribe(domain, half);
  subscribe(comer, topic('+'));
  if (preparation !== null) router.handOver(domain, preparation, () => publish(topic('a')));
  assert.deepEqual([many.got.length, leaver.got.length, member.got.length], [1, 0, 0]);
  assert.ok(many.got[0]?.target.subscriptions.length === FILTERS.length && comer.got.length <= 1);
  // The next message is another matter: it is routed by what there is now.
  publish(topic('a'));
  assert.deepEqual([many.got.length, leaver.got.length, comer.got.length - 1 <= 1], [2, 0, true]);
  const before = comer.got.length;
  publish(topic('a'));
  assert.equal(comer.got.length, before + 1);
});

test('Nobody but the message that it was prepared for has a route of before.', () => {
  const { subscribe, prepare, publish } = scene();
  const [many, comer] = [new FakeSubscriber('many'), new FakeSubscriber('comer')];
  for (const filter of FILTERS) subscribe(many, filter);
  take(prepare(topic('a')));
  subscribe(comer, topic('a'));
  publish(topic('a'));
  assert.deepEqual([many.got.length, comer.got.length], [1, 1]);
});

test('Preparing takes no more steps where subscriptions change without end.', () => {
  const { router, domain, subscribe, prepare, publish } = scene();
  const [many, comer] = [new FakeSubscriber('many'), new FakeSubscriber('comer')];
  for (const filter of FILTERS) subscribe(many, filter);
  const still = take(prepare(topic('a')));
  const preparation = prepare(topic('a'));
  let count = 0;
  for (; preparation?.done === false; count += 1) {
    router.unsubscribe(domain, subscribe(comer, topic('a')));
    preparation.step();
  }
  assert.ok(count <= still + 1, `${count} steps instead of ${still}`);
  if (preparation !== null) router.handOver(domain, preparation, () => publish(topic('a')));
  assert.deepEqual([many.got.length, comer.got.length], [1, 0]);
});

test('A topic too long to be remembered is prepared as well.', () => {
  const { router, subscribe, domain, publish } = scene({ maxCachedTopicBytes: 16 });
  const subscriber = new FakeSubscriber();
  for (const filter of FILTERS) subscribe(subscriber, filter);
  const run = runOf(domain.topics, messageOf(topic('a')));
  assert.equal(run.entry.index, -1);
  const preparation = router.prepare(domain, run.entry);
  assert.ok(take(preparation) > 5);
  const { work } = router;
  if (preparation !== null) router.handOver(domain, preparation, () => router.route(domain, run));
  assert.equal(router.work - work, FILTERS.length + 1);
  publish(topic('b'));
  assert.equal(subscriber.got.length, 2);
});

test('A large route is remembered when it is made the second time.', () => {
  const { domain, subscribe, publish } = scene();
  const subscriber = new FakeSubscriber();
  for (const filter of FILTERS) subscribe(subscriber, filter);
  publish(topic('a'));
  assert.equal(domain.routedTargets, 0);
  publish(topic('a'));
  assert.equal(domain.routedTargets, FILTERS.length);
  assert.equal(subscriber.got.length, 2);
});
