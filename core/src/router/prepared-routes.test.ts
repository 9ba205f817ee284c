import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../clock.js';
import { type Limits, makeLimits } from '../limits.js';
import { Stats } from '../stats.js';
import { slowCustody } from '../store/store.test.support.js';
import { Router } from './router.js';
import { FakeSubscriber, messageOf, runOf, subscription } from './router.test.support.js';

/** Filters of `levels` levels that each are a `+` or an `a`: all of them match a topic of as many `a`. */
function overlapping(levels: number): string[] {
  return Array.from({ length: 2 ** levels }, (_, bits) => Array.from({ length: levels }, (_level, i) => ((bits >> i) & 1 ? '+' : 'a')).join('/'));
}

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
  return { router, domain, subscribe, prepare, publish };
}

/** Takes all steps, and gives how many there were. */
function take(steps: Iterator<undefined> | null): number {
  let count = 0;
  while (steps !== null && steps.next().done !== true) count += 1;
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

test('A topic that thousands of filters match is prepared in many small steps, and then costs a look-up.', () => {
  const { router, subscribe, prepare, publish } = scene();
  const [one, two] = [new FakeSubscriber('one'), new FakeSubscriber('two')];
  for (const filter of FILTERS) subscribe(one, filter);
  for (const filter of FILTERS.slice(0, 600)) subscribe(two, filter);
  assert.ok(take(prepare(topic('a'))) > 10);
  const { work } = router;
  publish(topic('a'));
  // What it grows by is the size of the route, not that one was made.
  assert.equal(router.work - work, FILTERS.length + 600);
  assert.deepEqual([one.got.length, two.got.length], [1, 1]);
});

test('What was prepared for one topic is never taken for another, though their lists are used again.', () => {
  const { subscribe, prepare, publish } = scene();
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
      take(prepare(topic(String(i))));
      publish(topic(String(i)));
    }
  }
  assert.deepEqual(
    narrow.map(({ got }) => got.map((one) => one.topic)),
    narrow.map((_, i) => [topic(String(i)), topic(String(i)), topic(String(i))]),
  );
  assert.equal(wide.got.length, 18);
  for (const { target } of wide.got) assert.ok(target.subscriptions.every((one) => one.subscriber === wide));
});

test('Subscriptions that come and go while a topic is prepared count as they are when its message comes.', () => {
  const { router, domain, subscribe, prepare, publish } = scene();
  const [many, leaver, comer] = [new FakeSubscriber('many'), new FakeSubscriber('leaver'), new FakeSubscriber('comer')];
  const leaving = subscribe(leaver, topic('a'));
  for (const filter of FILTERS) subscribe(many, filter);
  const steps = prepare(topic('a'));
  for (let i = 0; i < 5; i += 1) steps?.next();
  router.unsubscribe(domain, leaving);
  subscribe(comer, topic('+'));
  take(steps);
  publish(topic('a'));
  assert.deepEqual([many.got.length, leaver.got.length, comer.got.length], [1, 0, 1]);
});

test('Preparing ends where subscriptions change without end, and the message is routed by those of its moment.', () => {
  const { router, domain, subscribe, prepare, publish } = scene();
  const [many, comer] = [new FakeSubscriber('many'), new FakeSubscriber('comer')];
  for (const filter of FILTERS) subscribe(many, filter);
  const steps = prepare(topic('a'));
  let count = 0;
  let last = subscribe(comer, topic('a'));
  while (steps?.next().done === false) {
    router.unsubscribe(domain, last);
    last = subscribe(comer, topic('a'));
    count += 1;
    assert.ok(count < 1000, 'it never ends');
  }
  publish(topic('a'));
  assert.deepEqual([many.got.length, comer.got.length], [1, 1]);
});

test('A topic too long to be remembered is prepared as well.', () => {
  const { router, subscribe, domain, publish } = scene({ maxCachedTopicBytes: 16 });
  const subscriber = new FakeSubscriber();
  for (const filter of FILTERS) subscribe(subscriber, filter);
  const run = runOf(domain.topics, messageOf(topic('a')));
  assert.equal(run.entry.index, -1);
  assert.ok(take(router.prepare(domain, run.entry)) > 5);
  const { work } = router;
  router.route(domain, run);
  assert.equal(router.work - work, FILTERS.length);
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
