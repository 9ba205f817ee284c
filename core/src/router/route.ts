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

/** Subscriptions that are merged in one step, unless one subscriber has more. */
const MOST_PER_STEP = 128;
/** A sorter that has had so many is not used again: its lists keep their room. */
const MOST_KEPT = 65_536;

/** What one subscriber has of what was found. */
interface Own {
  readonly list: Subscription[];
  count: number;
}

/**
 * Sorts the subscriptions that match a topic by who gets a copy, as they are found. Used again for the next topic, once nobody has the route any
 * more: new lists of thousands for each would keep the garbage collector busy, while everybody waits.
 */
export class Matches {
  readonly #bySubscriber = new Map<Subscriber, Own>();
  readonly #groups = new Map<string, Target[]>();
  readonly #spare: Subscription[][] = [];
  #subscriber: Subscriber | null = null;
  #own: Own = { list: [], count: 0 };

  push(subscription: Subscription): void {
    if (subscription.shareName !== null) return this.#share(subscription);
    // Those of one subscriber often come one after the other.
    if (subscription.subscriber !== this.#subscriber) this.#turnTo(subscription.subscriber);
    const own = this.#own;
    if (own.count < own.list.length) own.list[own.count] = subscription;
    else own.list.push(subscription);
    own.count += 1;
  }

  /** Makes the route, in steps. It has the lists of this object. */
  *route(generation: number, epoch: number): Generator<undefined, Route> {
    const targets: Target[] = [];
    let work = 0;
    for (const { list, count } of this.#bySubscriber.values()) {
      // What is left of another topic.
      if (list.length > count) list.length = count;
      targets.push(new Target(list));
      work += count;
      if (work < MOST_PER_STEP) continue;
      work = 0;
      yield;
    }
    return new Route(generation, epoch, targets, [...this.#groups.values()]);
  }

  /** Begins anew, with the lists that it has; false when they are too long to be kept. */
  reuse(): boolean {
    let room = 0;
    // In the order in which they will be asked for: the subscribers of the next topic are likely to be the same.
    for (const { list } of [...this.#bySubscriber.values()].reverse()) this.#spare.push(list);
    for (const list of this.#spare) room += list.length;
    this.#bySubscriber.clear();
    this.#groups.clear();
    this.#subscriber = null;
    return room <= MOST_KEPT;
  }

  #turnTo(subscriber: Subscriber): void {
    let own = this.#bySubscriber.get(subscriber);
    if (own === undefined) {
      own = { list: this.#spare.pop() ?? [], count: 0 };
      this.#bySubscriber.set(subscriber, own);
    }
    this.#subscriber = subscriber;
    this.#own = own;
  }

  #share(subscription: Subscription): void {
    const members = this.#groups.get(subscription.key);
    if (members === undefined) this.#groups.set(subscription.key, [new Target([subscription])]);
    else members.push(new Target([subscription]));
  }
}

/** Takes all steps at once. */
export function finished<Result>(steps: Generator<undefined, Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
