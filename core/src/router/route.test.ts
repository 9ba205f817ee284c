import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientOf, rules, standingOf } from '../gate/gate.test.support.js';
import { Check } from '../gate/index.js';
import { Target } from './route.js';
import { FakeSubscriber, makeRoute, subscription } from './router.test.support.js';
import type { Subscription } from './subscription.js';

function some(...subscriptions: readonly Subscription[]): Target {
  const target = Target.of(subscriptions);
  assert.ok(target !== null);
  return target;
}

test('One subscriber gets one copy: the highest QoS, every identifier once, retain as published if one asks for it.', () => {
  const subscriber = new FakeSubscriber();
  const route = makeRoute(1, 0, [
    subscription(subscriber, 'a', { qos: 0, id: 7 }),
    subscription(subscriber, '+', { qos: 2, id: 3, retainAsPublished: true }),
    subscription(subscriber, '#', { qos: 1, id: 7 }),
    subscription(subscriber, 'a/#', { qos: 1 }),
  ]);
  assert.equal(route.targets.length, 1);
  const [target] = route.targets;
  assert.deepEqual([target?.qos, target?.subscriptionIds, target?.retainAsPublished, route.size], [2, [7, 3], true, 4]);
});

test('Identifiers are null when there are none, so that bytes can be passed on.', () => {
  const subscriber = new FakeSubscriber();
  assert.equal(makeRoute(1, 0, [subscription(subscriber, 'a')]).targets[0]?.subscriptionIds, null);
});

test('Different subscribers have targets of their own, and shared subscriptions are groups by their whole filter.', () => {
  const [one, two] = [new FakeSubscriber(), new FakeSubscriber()];
  const route = makeRoute(1, 0, [
    subscription(one, 'a'),
    subscription(two, 'a'),
    subscription(one, '$share/g/a'),
    subscription(two, '$share/g/a'),
    subscription(two, '$share/g/+'),
    subscription(two, '$share/h/a'),
  ]);
  assert.equal(route.targets.length, 2);
  assert.deepEqual(
    route.groups.map((members) => members.length),
    [2, 1, 1],
  );
  assert.equal(route.size, 6);
});

test('Of several subscriptions the one that needs least checked carries the copy.', () => {
  const subscriber = new FakeSubscriber();
  const merged = (...checks: number[]): number => some(...checks.map((check, i) => subscription(subscriber, `a${i}`, {}, check))).checks;
  assert.equal(merged(Check.RECEIVE | Check.SUBSCRIBE_ALLOW, Check.PROVEN), Check.PROVEN);
  assert.equal(merged(Check.RECEIVE | Check.SUBSCRIBE_ALLOW, Check.RECEIVE), Check.RECEIVE);
  assert.equal(merged(Check.RECEIVE | Check.SUBSCRIBE_ALLOW), Check.RECEIVE | Check.SUBSCRIBE_ALLOW);
  // What code allowed need only not be denied; what the rules allow in part must be allowed: whichever comes first.
  assert.equal(merged(Check.SUBSCRIBE_ALLOW, Check.SUBSCRIBE_NOT_DENY), Check.SUBSCRIBE_NOT_DENY);
  assert.equal(merged(Check.SUBSCRIBE_NOT_DENY, Check.SUBSCRIBE_ALLOW), Check.SUBSCRIBE_NOT_DENY);
  // Where one is proven to receive, the topic may be received, and where one is wholly allowed, subscribed.
  assert.equal(merged(Check.RECEIVE, Check.SUBSCRIBE_ALLOW), Check.PROVEN);
});

test('A target knows when the rights that it was judged by are no longer those of the client.', () => {
  const standing = standingOf();
  standing.engine.setTemplate('rules', 't', rules('+a'));
  const variables = { username: 'ann', clientId: 'c1', tenant: null, commonName: null, attributes: null };
  const bind = () => standing.engine.bind({ combine: 'deny-overrides', variables, sources: [{ plugin: 'rules', templates: ['t'], rules: null }] });
  const subscriber = new FakeSubscriber();
  subscriber.client = clientOf([], standing);
  subscriber.client.stand(standing, bind(), ['rules']);
  const one = subscription(subscriber, 'a');
  const target = some(one);
  assert.equal(target.current(subscriber.client), true);
  standing.engine.setTemplate('rules', 't', rules('+b'));
  assert.equal(target.current(subscriber.client), false);
  // A route that is made only now must not take the old verdict for one of the new rules.
  assert.equal(some(one).current(subscriber.client), false);
  one.judged(Check.RECEIVE);
  target.merge();
  assert.deepEqual([target.current(subscriber.client), target.checks], [true, Check.RECEIVE]);
  subscriber.client.stand(standing, bind(), ['rules']);
  assert.equal(target.current(subscriber.client), false);
  assert.equal(some(one).current(subscriber.client), false);
});

test('One subscription that was judged by old rights makes the whole target old.', () => {
  const standing = standingOf();
  const subscriber = new FakeSubscriber();
  subscriber.client = clientOf(rules('+a'), standing);
  const old = subscription(subscriber, 'a');
  subscriber.client.stand(standing, clientOf(rules('+a'), standing).binding, ['rules']);
  const fresh = subscription(subscriber, '+');
  assert.equal(some(old, fresh).current(subscriber.client), false);
  assert.equal(some(fresh, old).current(subscriber.client), false);
  assert.equal(some(fresh).current(subscriber.client), true);
});

test('A target without its No Local subscriptions keeps what the others ask for.', () => {
  const subscriber = new FakeSubscriber();
  const both = some(subscription(subscriber, 'a', { noLocal: true, qos: 2, id: 1 }), subscription(subscriber, '+', { qos: 1, id: 2 }));
  assert.equal(both.noLocal, true);
  const left = both.withoutNoLocal();
  assert.deepEqual([left?.qos, left?.subscriptionIds, left?.noLocal], [1, [2], false]);
  assert.equal(some(subscription(subscriber, 'a', { noLocal: true })).withoutNoLocal(), null);
});

test('There is no target of nothing.', () => {
  assert.equal(Target.of([]), null);
});
