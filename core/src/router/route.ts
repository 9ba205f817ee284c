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
  /** Checks that every copy must pass; 0 when one of the subscriptions is proven. */
  checks = 0;
  /** Whether some subscription must not get what its own client published, and whether code, not rules, allowed one. */
  noLocal = false;
  byCode = false;
  /** The rights that `checks` was judged by; null when they are no longer those that the client has. */
  binding: Binding | null = null;
  version = 0;
  #count = 0;
  // A set: one client may have thousands of filters that match, each with an identifier of its own.
  #ids: Set<number> | null = null;
  #idList: readonly number[] | null = null;

  /** With one subscription; `list` is one that nobody needs any more, to be filled anew. */
  constructor(first: Subscription, list: Subscription[] = []) {
    this.subscriber = first.subscriber;
    this.subscriptions = list;
    this.add(first);
  }

  /** A target of subscriptions that are all of one subscriber; null when there are none. */
  static of([first, ...others]: readonly Subscription[]): Target | null {
    if (first === undefined) return null;
    const target = new Target(first);
    for (const subscription of others) target.add(subscription);
    return target;
  }

  /** Takes one more subscription of the same subscriber. One at a time: merging thousands at once would hold up everybody for a millisecond. */
  add(subscription: Subscription): void {
    const { subscriptions } = this;
    if (this.#count < subscriptions.length) subscriptions[this.#count] = subscription;
    else subscriptions.push(subscription);
    this.#merge(subscription);
  }

  /** Ends the list with the last one added: behind it is what it held before. */
  end(): void {
    if (this.subscriptions.length > this.#count) this.subscriptions.length = this.#count;
  }

  /** Null for none. */
  get subscriptionIds(): readonly number[] | null {
    if (this.#ids === null) return null;
    this.#idList ??= [...this.#ids];
    return this.#idList;
  }

  /** Whether the checks were judged by the rights that the client has now. */
  current(client: GateClient): boolean {
    return this.binding === client.binding && this.version === client.binding.version;
  }

  /** Takes the subscriptions as they are now. */
  merge(): void {
    this.#count = 0;
    this.checks = 0;
    this.#clear();
    for (const subscription of this.subscriptions) this.#merge(subscription);
  }

  /** The target without the subscriptions that must not echo; null when none is left. */
  withoutNoLocal(): Target | null {
    return Target.of(this.subscriptions.filter((subscription) => !subscription.noLocal));
  }

  #clear(): void {
    this.qos = 0;
    this.retainAsPublished = false;
    this.noLocal = false;
    this.byCode = false;
    this.#ids = null;
  }

  #merge(subscription: Subscription): void {
    const { binding } = this.subscriber.client;
    const first = this.#count === 0;
    this.#count += 1;
    // Subscriptions that are merged at different times are current if all were, by the same rights.
    const current = subscription.current && (first || (this.binding === binding && this.version === binding.version));
    this.binding = current ? binding : null;
    this.version = binding.version;
    if (subscription.suspended && !first) return;
    // One that has lost its right gives the copy nothing, beside one that has not.
    if (this.checks >= Check.SUSPENDED) this.#clear();
    this.checks = first || this.checks >= Check.SUSPENDED ? subscription.checks : weaker(this.checks, subscription.checks);
    if (subscription.qos > this.qos) this.qos = subscription.qos;
    if (subscription.retainAsPublished) this.retainAsPublished = true;
    if (subscription.noLocal) this.noLocal = true;
    if (subscription.byCode) this.byCode = true;
    if (subscription.id === 0) return;
    this.#ids ??= new Set();
    this.#ids.add(subscription.id);
    this.#idList = null;
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

  /** The route without the subscriptions that are no more. */
  living(): Route {
    const groups = this.groups.map(livingTargets).filter((members) => members.length > 0);
    return new Route(this.generation, this.epoch, livingTargets(this.targets), groups);
  }
}

function livingTargets(targets: readonly Target[]): Target[] {
  const stands = (subscription: Subscription): boolean => subscription.stands;
  return targets.flatMap((target) => (target.subscriptions.every(stands) ? [target] : (Target.of(target.subscriptions.filter(stands)) ?? [])));
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

/** Targets that are looked at in one step. */
const MOST_PER_STEP = 128;
/** A sorter that has had so many is not used again: its lists keep their room. */
const MOST_KEPT = 65_536;

/**
 * Sorts the subscriptions that match a topic by who gets a copy, as they are found. Used again for the next topic, once nobody has the route any
 * more: new lists of thousands for each would keep the garbage collector busy, while everybody waits.
 */
export class Matches {
  readonly #bySubscriber = new Map<Subscriber, Target>();
  readonly #groups = new Map<string, Target[]>();
  readonly #spare: Subscription[][] = [];
  #last: Target | null = null;
  /** The topic that is looked for. */
  topic = '';

  push(subscription: Subscription): void {
    if (!subscription.shows(this.topic)) return;
    if (subscription.shareName !== null) return this.#share(subscription);
    // Those of one subscriber often come one after the other.
    const { subscriber } = subscription;
    const target = this.#last?.subscriber === subscriber ? this.#last : this.#bySubscriber.get(subscriber);
    if (target === undefined) this.#last = this.#begin(subscription);
    else {
      target.add(subscription);
      this.#last = target;
    }
  }

  /** Makes the route, in steps. It has the lists of this object. */
  *route(generation: number, epoch: number): Generator<undefined, Route> {
    const targets: Target[] = [];
    for (const target of this.#bySubscriber.values()) {
      target.end();
      targets.push(target);
      if (targets.length % MOST_PER_STEP === 0) yield;
    }
    return new Route(generation, epoch, targets, [...this.#groups.values()]);
  }

  /** Begins anew, with the lists that it has; false when they are too long to be kept. */
  reuse(): boolean {
    let room = 0;
    // In the order in which they will be asked for: the subscribers of the next topic are likely to be the same.
    for (const { subscriptions } of [...this.#bySubscriber.values()].reverse()) this.#spare.push(subscriptions);
    for (const list of this.#spare) room += list.length;
    this.#bySubscriber.clear();
    this.#groups.clear();
    this.#last = null;
    return room <= MOST_KEPT;
  }

  #begin(first: Subscription): Target {
    const target = new Target(first, this.#spare.pop());
    this.#bySubscriber.set(first.subscriber, target);
    return target;
  }

  #share(subscription: Subscription): void {
    const members = this.#groups.get(subscription.key);
    if (members === undefined) this.#groups.set(subscription.key, [new Target(subscription)]);
    else members.push(new Target(subscription));
  }
}
