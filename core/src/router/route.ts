import { Check, type GateClient } from '../gate/index.js';
import type { Binding } from '../policy/index.js';
import type { Subscriber } from './subscriber.js';
import type { Subscription } from './subscription.js';

/**
 * What one subscriber gets of one topic: its matching subscriptions as one copy, at the highest QoS [MQTT-3.3.5-1], with every subscription
 * identifier [MQTT-3.3.4-4].
 */
export class Target {
  readonly subscriber: Subscriber;
  readonly subscriptions: Subscription[];
  qos: 0 | 1 | 2 = 0;
  retainAsPublished = false;
  /** Null for none. */
  subscriptionIds: readonly number[] | null = null;
  /** Checks that every copy must pass; 0 when one of the subscriptions is proven. */
  checks = 0;
  /** Whether some subscription must not get what its own client published. */
  readonly noLocal: boolean;
  /** The rights that `checks` was judged by; null when they are no longer those that the client has. */
  binding: Binding | null = null;
  version = 0;

  constructor(subscriptions: Subscription[]) {
    const first = subscriptions[0];
    if (first === undefined) throw new Error('a target without a subscription');
    this.subscriber = first.subscriber;
    this.subscriptions = subscriptions;
    this.noLocal = subscriptions.some((subscription) => subscription.noLocal);
    this.merge();
  }

  /** Whether the checks were judged by the rights that the client has now. */
  current(client: GateClient): boolean {
    return this.binding === client.binding && this.version === client.binding.version;
  }

  /** Takes the subscriptions as they are now. */
  merge(): void {
    const { binding } = this.subscriber.client;
    let current = true;
    let qos = 0;
    let checks = -1;
    let ids: Set<number> | null = null;
    let retainAsPublished = false;
    for (const subscription of this.subscriptions) {
      if (!subscription.current) current = false;
      if (subscription.qos > qos) qos = subscription.qos;
      if (subscription.retainAsPublished) retainAsPublished = true;
      if (subscription.id !== 0) {
        // A set: one client may have thousands of filters that match, each with an identifier of its own.
        ids ??= new Set();
        ids.add(subscription.id);
      }
      checks = checks === -1 ? subscription.checks : weaker(checks, subscription.checks);
    }
    this.qos = qos as 0 | 1 | 2;
    this.retainAsPublished = retainAsPublished;
    this.subscriptionIds = ids === null ? null : [...ids];
    this.checks = checks;
    this.binding = current ? binding : null;
    this.version = binding.version;
  }

  /** The target without the subscriptions that must not echo; null when none is left. */
  withoutNoLocal(): Target | null {
    const left = this.subscriptions.filter((subscription) => !subscription.noLocal);
    return left.length === 0 ? null : new Target(left);
  }
}

/**
 * Of two subscriptions that both match, the one that needs less checked carries the copy: each alone would have delivered it. What one of them
 * passes at every topic of its filter, receiving or subscribing, this topic passes.
 */
function weaker(one: number, other: number): number {
  const receive = one & other & Check.RECEIVE;
  const subscribe = one & ~Check.RECEIVE;
  const otherSubscribe = other & ~Check.RECEIVE;
  if (subscribe === 0 || otherSubscribe === 0) return receive;
  const byCode = subscribe === Check.SUBSCRIBE_NOT_DENY || otherSubscribe === Check.SUBSCRIBE_NOT_DENY;
  return receive | (byCode ? Check.SUBSCRIBE_NOT_DENY : Check.SUBSCRIBE_ALLOW);
}

/** Where the messages of one topic go, as the tree was at one generation. */
export class Route {
  readonly generation: number;
  /** The topic's filling of its table; a route made for another topic at the same place is not this one. */
  readonly epoch: number;
  readonly targets: readonly Target[];
  readonly groups: readonly (readonly Target[])[];
  /** Subscriptions in all targets: what the route costs in memory, about. One client may have thousands that match. */
  readonly size: number;
  /** Whether some subscriber may get two copies of a message, being in a shared group beside. */
  readonly repeats: boolean;

  constructor(generation: number, epoch: number, targets: readonly Target[], groups: readonly (readonly Target[])[]) {
    this.generation = generation;
    this.epoch = epoch;
    this.targets = targets;
    this.groups = groups;
    this.size = groups.reduce(
      (sum, members) => sum + members.length,
      targets.reduce((sum, { subscriptions }) => sum + subscriptions.length, 0),
    );
    this.repeats = groups.length > 0 && someTwice([targets, ...groups]);
  }
}

/** Whether some subscriber is the receiver of two of the targets. */
function someTwice(all: readonly (readonly Target[])[]): boolean {
  const seen = new Set<Subscriber>();
  for (const targets of all) {
    for (const { subscriber } of targets) {
      if (seen.has(subscriber)) return true;
      seen.add(subscriber);
    }
  }
  return false;
}

/** Makes the route of a topic from the subscriptions that match it. */
export function makeRoute(generation: number, epoch: number, matching: readonly Subscription[]): Route {
  const bySubscriber = new Map<Subscriber, Subscription[]>();
  const groups = new Map<string, Target[]>();
  for (const subscription of matching) {
    if (subscription.shareName !== null) {
      const members = groups.get(subscription.key);
      if (members === undefined) groups.set(subscription.key, [new Target([subscription])]);
      else members.push(new Target([subscription]));
      continue;
    }
    const own = bySubscriber.get(subscription.subscriber);
    if (own === undefined) bySubscriber.set(subscription.subscriber, [subscription]);
    else own.push(subscription);
  }
  return new Route(
    generation,
    epoch,
    [...bySubscriber.values()].map((own) => new Target(own)),
    [...groups.values()],
  );
}
