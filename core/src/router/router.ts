import { type Clock, wallOffset } from '../clock.js';
import { type AuthorizedRun, type Message, type TenantExport, type TenantRules, type TopicEntry, TopicTable } from '../gate/index.js';
import { type Limits, makeTenantLimits } from '../limits.js';
import type { Stats } from '../stats.js';
import type { Custody } from '../store/index.js';
import { Preparation } from './preparation.js';
import { Quota } from './quota.js';
import { type RetainedEntry, RetainedTree } from './retained-tree.js';
import { Matches, type Route, type Target } from './route.js';
import type { Subscription } from './subscription.js';
import { TopicTree } from './topic-tree.js';

/** Everything of one tenant that the router keeps: no two tenants ever share any of it. */
export class Domain {
  /** Tenant, '' for none. */
  readonly tenant: string;
  readonly topics: TopicTable;
  readonly tree = new TopicTree();
  readonly retained = new RetainedTree();
  /** What it may have, and has. */
  readonly quota = new Quota();
  /** Where messages go from here beside; null for nowhere. */
  exports: readonly TenantExport[] | null = null;
  /** Routes by the topic's place in the table, for one filling of it; bounded by the targets in all of them. */
  routes: (Route | undefined)[] = [];
  routesEpoch = 0;
  routedTargets = 0;
  /** Of the message that is being handled, if its route had to be made. */
  next: Preparation | null = null;
  /** Whose turn it is in each shared group. */
  readonly turns = new Map<string, number>();

  constructor(tenant: string, limits: Limits) {
    this.tenant = tenant;
    this.topics = new TopicTable(limits.maxTopicCacheEntries, limits.maxCachedTopicBytes);
  }
}

/** So many receivers each copy the bytes for themselves; for more, one copy is shared. */
const FEW_RECEIVERS = 2;
/** Steps that making a route takes at once; one with more is made in slices. */
const FIRST_STEPS = 8;
/** As many as are likely to be in use at the same time. */
const MOST_IDLE_MATCHES = 4;
/** A route of more subscriptions is remembered when it is made the second time: a flood of new topics would have each live long for nothing. */
const LARGE_ROUTE = 256;
/** Retained messages that are forgotten between two looks at the clock. */
const CLEARED_BETWEEN_LOOKS = 16;
const UNBOUNDED = makeTenantLimits();
/** A route to so few costs about what a look-up does. */
const CHEAP_TARGETS = 8;

/** Brings approved messages to their subscribers, and keeps the retained ones. */
export class Router {
  readonly #limits: Limits;
  readonly #stats: Stats;
  readonly #custody: Custody;
  readonly #clock: Clock;
  readonly #domains = new Map<string, Domain>();
  #tenants: ReadonlyMap<string, TenantRules> | null = null;
  readonly #idleMatches: Matches[] = [];
  /** Grows with whatever takes longer than a look-up, so that whoever reads packets knows when to look at the clock. */
  work = 0;
  /** Hears of shared messages that no member could have. */
  onGroupDrop: ((domain: Domain, topic: string, count: number) => void) | null = null;

  constructor(options: { limits: Limits; stats: Stats; custody: Custody; clock: Clock }) {
    this.#limits = options.limits;
    this.#stats = options.stats;
    this.#custody = options.custody;
    this.#clock = options.clock;
  }

  domain(tenant: string | null): Domain {
    const name = tenant ?? '';
    let domain = this.#domains.get(name);
    if (domain === undefined) {
      domain = new Domain(name, this.#limits);
      this.#domains.set(name, domain);
      this.#equip(domain);
    }
    return domain;
  }

  /** Puts what is configured for tenants in force. */
  adopt(tenants: ReadonlyMap<string, TenantRules> | null): void {
    this.#tenants = tenants;
    for (const domain of this.#domains.values()) this.#equip(domain);
  }

  #equip(domain: Domain): void {
    const rules = this.#tenants?.get(domain.tenant);
    domain.quota.adopt(rules?.limits ?? UNBOUNDED, this.#clock.now());
    domain.exports = rules === undefined || rules.exports.length === 0 ? null : rules.exports;
  }

  /** A tenant that something is kept for. */
  known(tenant: string): Domain | undefined {
    return this.#domains.get(tenant);
  }

  /** The tenants that something is kept for, '' for none. */
  get tenants(): readonly Domain[] {
    return [...this.#domains.values()];
  }

  /**
   * Forgets the retained messages of a tenant that is none any more, but not what comes to be retained from here on, should it be one again. Null
   * now and then, for others to have their turn.
   */
  *clear(domain: Domain): IterableIterator<null> {
    const { serial } = domain.retained;
    let steps = 0;
    for (const { message, serial: own } of domain.retained.entries()) {
      if (own <= serial) this.#clear(domain, message.topic);
      steps += 1;
      if (steps % CLEARED_BETWEEN_LOOKS === 0) yield null;
    }
    if (domain.quota.sessions === 0 && domain.retained.count === 0 && this.#domains.get(domain.tenant) === domain)
      this.#domains.delete(domain.tenant);
  }

  /**
   * What there is to be done before a message of a topic can be routed at no more than the cost of a look-up; null when that is nothing. The steps
   * that are left are for the caller to take, and then `handOver` to be called. Whoever does not is served all the same, however long that takes.
   */
  prepare(domain: Domain, entry: TopicEntry): Preparation | null {
    if (this.#known(domain, entry) !== null) return null;
    this.work += 1;
    const preparation = new Preparation(domain.tree, entry, this.#idleMatches.pop() ?? new Matches());
    for (let i = 0; i < FIRST_STEPS && !preparation.done; i += 1) preparation.step();
    return preparation.done && this.#remember(domain, entry, preparation.take()) ? null : preparation;
  }

  /** Handles the message that was prepared for. What came to be subscribed since its preparation began came after it, and does not get it. */
  handOver<Result>(domain: Domain, preparation: Preparation, handle: () => Result): Result {
    domain.next = preparation;
    try {
      return handle();
    } finally {
      domain.next = null;
      if (!preparation.kept && preparation.matches.reuse() && this.#idleMatches.length < MOST_IDLE_MATCHES)
        this.#idleMatches.push(preparation.matches);
    }
  }

  /** Hands the messages of the run to every subscriber of their topic. Returns whether there was one. */
  route(domain: Domain, run: AuthorizedRun): boolean {
    const route = this.#route(domain, run.entry);
    run.manyReceivers = route.targets.length > FEW_RECEIVERS;
    if (route.size > CHEAP_TARGETS) this.work += route.size;
    if (route.repeats && run.count > 1) this.#handOneByOne(domain, run, route);
    else this.#hand(domain, run, route);
    return route.size > 0;
  }

  /** [MQTT-4.6.0-6] Who gets two copies of each message gets both of the first before those of the second. */
  #handOneByOne(domain: Domain, run: AuthorizedRun, route: Route): void {
    const { first, last } = run;
    run.divided = true;
    for (let i = first; i < last; i += 1) {
      run.first = i;
      run.last = i + 1;
      this.#hand(domain, run, route);
    }
    run.first = first;
    run.last = last;
    run.divided = false;
  }

  #hand(domain: Domain, run: AuthorizedRun, { targets, groups }: Route): void {
    for (let i = 0; i < targets.length; i += 1) {
      const target = targets[i] as Target;
      if (target.noLocal && target.subscriber === run.origin) this.#echo(run, target);
      else target.subscriber.deliver(run, target);
    }
    for (let i = 0; i < groups.length; i += 1) this.#share(domain, run, groups[i] as readonly Target[]);
  }

  subscribe(domain: Domain, subscription: Subscription): void {
    this.work += 1;
    domain.tree.add(subscription);
    this.#stats.subscriptions += 1;
  }

  unsubscribe(domain: Domain, subscription: Subscription): void {
    this.work += 1;
    const before = domain.tree.size;
    domain.tree.remove(subscription);
    if (domain.tree.size !== before) this.#stats.subscriptions -= 1;
    if (subscription.shareName !== null) domain.turns.delete(subscription.key);
  }

  /** Keeps a message as the retained one of its topic; an empty one clears it [MQTT-3.3.1-6]. False when there was no room. */
  retain(domain: Domain, message: Message): boolean {
    const { retained } = domain;
    const { count, bytes } = retained;
    let kept = true;
    if (message.payload.length === 0) {
      if (retained.delete(message.topic)) this.#custody.retain({ kind: 'cleared', tenant: domain.tenant, topic: message.topic });
    } else if (this.#hasRoom(domain, message)) {
      retained.set(message);
      this.#custody.retain({ kind: 'set', tenant: domain.tenant, message: message.stored(wallOffset(this.#clock)) });
    } else {
      kept = false;
      this.#stats.retainRefused += 1;
    }
    this.#stats.retainedMessages += retained.count - count;
    this.#stats.retainedBytes += retained.bytes - bytes;
    return kept;
  }

  /** Retained messages that match and may be handed out. */
  retained(domain: Domain, filter: string, limit?: number): RetainedEntry[] {
    return domain.retained.match(filter, limit).filter((entry) => this.#stands(domain, entry));
  }

  /** The same, found one after the other as they are asked for; null now and then while none is found. */
  *replay(domain: Domain, filter: string): IterableIterator<RetainedEntry | null> {
    for (const entry of domain.retained.walk(filter)) if (entry === null || this.#stands(domain, entry)) yield entry;
  }

  /** Forgets retained messages that have expired; called now and then. */
  sweep(): void {
    for (const domain of this.#domains.values()) for (const entry of [...domain.retained.entries()]) this.#stands(domain, entry);
  }

  /** Whether a retained message may be handed out; one that has expired is forgotten. */
  #stands(domain: Domain, { message: { expiresAt, topic }, doubted }: RetainedEntry): boolean {
    if (expiresAt === 0 || expiresAt > this.#clock.now()) return !doubted;
    this.#forget(domain, topic);
    return false;
  }

  /** Forgets the retained message of a topic whose publisher has lost the right to it. */
  withdraw(domain: Domain, topic: string): void {
    if (this.#clear(domain, topic)) this.#stats.retainedWithdrawn += 1;
  }

  #forget(domain: Domain, topic: string): void {
    if (this.#clear(domain, topic)) this.#stats.droppedExpired += 1;
  }

  #clear(domain: Domain, topic: string): boolean {
    const { bytes } = domain.retained;
    if (!domain.retained.delete(topic)) return false;
    this.#stats.retainedMessages -= 1;
    this.#stats.retainedBytes += domain.retained.bytes - bytes;
    this.#custody.retain({ kind: 'cleared', tenant: domain.tenant, topic });
    return true;
  }

  #hasRoom(domain: Domain, message: Message): boolean {
    const old = domain.retained.get(message.topic);
    const count = old === null ? 1 : 0;
    const bytes = message.bytes - (old?.message.bytes ?? 0);
    const { retainedMessages, retainedBytes } = domain.quota.limits;
    // One that takes the place of another needs no room of its own, though there be less than is used already.
    if (count > 0 && domain.retained.count + count > retainedMessages) return false;
    if (bytes > 0 && domain.retained.bytes + bytes > retainedBytes) return false;
    return (
      this.#stats.retainedMessages + count <= this.#limits.maxRetainedMessages && this.#stats.retainedBytes + bytes <= this.#limits.maxRetainedBytes
    );
  }

  #route(domain: Domain, entry: TopicEntry): Route {
    const known = this.#known(domain, entry);
    if (known !== null) return known;
    this.work += 1;
    const { next } = domain;
    const preparation = next !== null && next.entry === entry ? next : new Preparation(domain.tree, entry, new Matches());
    while (!preparation.done) preparation.step();
    const route = preparation.take();
    if (route.generation === domain.tree.generation && this.#remember(domain, entry, route)) preparation.kept = true;
    return route;
  }

  #known(domain: Domain, entry: TopicEntry): Route | null {
    const known = domain.routes[entry.index];
    return known !== undefined && known.generation === domain.tree.generation && known.epoch === entry.epoch ? known : null;
  }

  /**
   * Keeps a route for the next message of its topic, if it may be kept: a thousand receivers of every topic would fill the memory. Returns whether it is.
   */
  #remember(domain: Domain, entry: TopicEntry, route: Route): boolean {
    if (entry.epoch !== domain.topics.epoch) return false;
    if (route.size > LARGE_ROUTE && !entry.routed) {
      entry.routed = true;
      return false;
    }
    const known = domain.routes[entry.index];
    if (domain.routesEpoch !== entry.epoch || domain.routedTargets + route.size > this.#limits.maxRouteTargets) {
      domain.routes = [];
      domain.routesEpoch = entry.epoch;
      domain.routedTargets = 0;
    } else if (known !== undefined) domain.routedTargets -= known.size;
    if (route.size > this.#limits.maxRouteTargets) return false;
    domain.routedTargets += route.size;
    domain.routes[entry.index] = route;
    return true;
  }

  /** [MQTT-3.8.3-3] What a client published does not go back to it through a subscription with No Local. */
  #echo(run: AuthorizedRun, target: Target): void {
    const left = target.withoutNoLocal();
    if (left !== null) left.subscriber.deliver(run, left);
  }

  /** Each message of the run goes to one member: the next in turn that may have it, a connected one first. */
  #share(domain: Domain, run: AuthorizedRun, members: readonly Target[]): void {
    const { first, last, divided } = run;
    const key = (members[0] as Target).subscriptions[0]?.key ?? '';
    const asks = members.some((member) => member.subscriber.asks);
    run.divided = true;
    for (let i = first; i < last; i += 1) {
      run.first = i;
      run.last = i + 1;
      if (asks) {
        this.#shareAsked(domain, run.one(i), members, key);
        continue;
      }
      const member = this.#member(domain, run, members, key);
      if (member !== null) member.subscriber.deliver(run, member);
      else this.onGroupDrop?.(domain, run.entry.topic, 1);
    }
    run.first = first;
    run.last = last;
    run.divided = divided;
  }

  /** Where code decides who may have it, the members are tried one after the other until one takes it. */
  #shareAsked(domain: Domain, run: AuthorizedRun, members: readonly Target[], key: string): void {
    const turn = domain.turns.get(key) ?? 0;
    // While an answer is awaited, the next message begins with the next member.
    domain.turns.set(key, turn + 1);
    const places = members.map((_member, i) => (turn + i) % members.length);
    const connected = (place: number): boolean => (members[place] as Target).subscriber.connected;
    const order = [...places.filter(connected), ...places.filter((place) => !connected(place))];
    let position = 0;
    let running = false;
    let refused = true;
    let atOnce = true;
    const next = (): void => {
      if (running) return;
      running = true;
      while (refused) {
        const place = order[position];
        position += 1;
        if (place === undefined) {
          if (atOnce) domain.turns.set(key, turn);
          this.onGroupDrop?.(domain, run.entry.topic, 1);
          break;
        }
        const member = members[place] as Target;
        refused = false;
        member.subscriber.offerShared(run, member, (taken) => {
          refused = !taken;
          if (refused) next();
          // Answered at once, the turn goes on as it does where rules alone decide.
          else if (atOnce) domain.turns.set(key, connected(place) ? place + 1 : turn);
        });
      }
      running = false;
    };
    next();
    atOnce = false;
  }

  #member(domain: Domain, run: AuthorizedRun, members: readonly Target[], key: string): Target | null {
    const turn = domain.turns.get(key) ?? 0;
    let resting: Target | null = null;
    for (let i = 0; i < members.length; i += 1) {
      const place = (turn + i) % members.length;
      const member = members[place] as Target;
      if (!member.subscriber.accepts(run, member)) continue;
      if (member.subscriber.connected) {
        domain.turns.set(key, place + 1);
        return member;
      }
      resting ??= member;
    }
    return resting;
  }
}
