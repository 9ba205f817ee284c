import { type DropReason, parseSharedFilter } from '@portcullis/sdk';
import { wallOffset } from '../clock.js';
import { type ApprovedMessage, type AuthorizedRun, Check, deliveryChecks, type GateClient, type LeaseKeeper, type Message } from '../gate/index.js';
import { type Domain, type Subscriber, Subscription, type SubscriptionOptions, type Target } from '../router/index.js';
import { AskedCopies } from './asked-copies.js';
import { type Copy, copyOf, isExpired, queuedChange, recheckOf, storedSubscription } from './copies.js';
import { Delivery } from './delivery.js';
import { forgetSubscriptions } from './forgetting.js';
import { InFlight } from './in-flight.js';
import type { Outlet } from './outlet.js';
import { Received } from './received.js';
import { Recheck, type RecheckScope } from './recheck.js';
import { Resending } from './resending.js';
import { RetainedReplays } from './retained-replays.js';
import { Revocations } from './revocations.js';
import { countDrop, type SessionRoom } from './room.js';
import { SubscriptionMap } from './subscription-map.js';
import { Waiting } from './waiting.js';

/** The state of one client identifier: subscriptions, what is on its way out and in, and the connection, if there is one. */
export class Session implements Subscriber {
  readonly clientId: string;
  readonly tenant: string | null;
  /** Under which the registry finds it. */
  registryKey = '';
  readonly domain: Domain;
  client: GateClient;
  outlet: Outlet | null = null;
  /** Keeps the rights fresh while somebody is connected. */
  leases: LeaseKeeper | null = null;
  /** Whether the session outlives its connection. */
  durable: boolean;
  expirySeconds: number;
  readonly subscriptions = new SubscriptionMap();
  readonly inFlight: InFlight;
  readonly received: Received;
  readonly queue: Waiting;
  /** What has lost its right; null as long as nothing has. */
  revocations: Revocations | null = null;
  #recheck: Recheck | null = null;
  readonly #room: SessionRoom;
  #sequence = 0;
  readonly #replays = new RetainedReplays();
  #asked: AskedCopies | null = null;
  #resending: Resending | null = null;
  #pumping = false;

  constructor(room: SessionRoom, client: GateClient, domain: Domain) {
    this.#room = room;
    this.queue = new Waiting(room, domain.quota);
    this.client = client;
    this.clientId = client.info.id;
    this.tenant = client.tenant;
    this.domain = domain;
    this.expirySeconds = client.info.sessionExpirySeconds;
    this.durable = this.expirySeconds > 0;
    this.received = new Received(room);
    this.inFlight = new InFlight(room.limits.maxInflight, room.limits.maxQueuedBytes);
  }

  get key(): { tenant: string; clientId: string } {
    return { tenant: this.domain.tenant, clientId: this.clientId };
  }

  get connected(): boolean {
    return this.outlet !== null;
  }

  get queueLength(): number {
    return this.queue.length;
  }

  /** The hot path: all messages of a run, as bytes where nothing about this receiver asks for more. */
  deliver(run: AuthorizedRun, target: Target): void {
    const { client, outlet } = this;
    if (!target.current(client)) this.#rejudge(target);
    if (target.checks >= Check.SUSPENDED) return this.drop('not-authorized', run.entry.topic, run.count);
    if (client.receiveAsks) return this.#ask(run, target);
    if (target.checks !== Check.PROVEN && !client.mayReceive(run.entry, target.checks)) {
      return this.drop('not-authorized', run.entry.topic, run.count);
    }
    const qos = run.qos < target.qos ? run.qos : target.qos;
    const plain = run.message === null && target.subscriptionIds === null && outlet !== null && !this.#room.gate.tellsDeliveries;
    if (plain && !outlet.congested && (outlet.maxPacketBytes === 0 || run.maxPacketBytes + 8 <= outlet.maxPacketBytes)) {
      // A message that must outlive the connection needs a place in the queue; bytes alone have none.
      if (qos === 0 || (!this.durable && this.queue.length === 0 && this.#resending === null && this.inFlight.room >= run.count)) {
        outlet.sendRun(run, qos, this.inFlight);
        return;
      }
    }
    const { first, last } = run;
    if (qos === 0 && (outlet === null || outlet.congested)) {
      if (outlet !== null) this.drop('slow-consumer', run.entry.topic, last - first);
      return;
    }
    for (let i = first; i < last; i += 1) {
      const message = run.copy(i);
      this.offer(copyOf(message, qos, target.retainAsPublished && message.retain, target));
    }
  }

  /** Whether a message of a shared group could go here. */
  accepts(run: AuthorizedRun, target: Target): boolean {
    if (!target.current(this.client)) this.#rejudge(target);
    const qos = run.qos < target.qos ? run.qos : target.qos;
    if (this.outlet === null ? qos === 0 || !this.durable : this.outlet.congested && qos === 0) return false;
    if (qos > 0 && this.queue.length >= this.#room.limits.maxQueuedMessages) return false;
    if (target.checks >= Check.SUSPENDED) return false;
    return target.checks === Check.PROVEN || this.client.receiveAsks || this.client.mayReceive(run.entry, target.checks);
  }

  get asks(): boolean {
    return this.client.receiveAsks;
  }

  offerShared(run: AuthorizedRun, target: Target, taken: (taken: boolean) => void): void {
    if (!this.accepts(run, target)) return taken(false);
    const message = run.copy(run.first);
    const copy = copyOf(message, run.qos < target.qos ? run.qos : target.qos, target.retainAsPublished && message.retain, target);
    if (!this.asks) {
      this.offer(copy);
      taken(true);
    } else if (!this.#askedCopies().add(run.entry, copy, taken)) taken(false);
  }

  /** Retained messages go out as the peer takes them, not all at once. */
  replayRetained(subscription: Subscription): void {
    this.#replays.start(subscription, this.#room.router.replay(this.domain, subscription.filter), this.domain.retained.serial);
  }

  /** Sends one copy, or lets it wait its turn. The copy has passed its checks. */
  offer(copy: Copy): void {
    const { outlet } = this;
    if (copy.qos === 0) {
      if (outlet === null) return;
      if (outlet.congested) return this.drop('slow-consumer', copy.message.topic, 1);
      if (!outlet.sendMessage(copy.message, 0, copy.retain, false, 0, copy.subscriptionIds)) return this.drop('too-large', copy.message.topic, 1);
      return this.#delivered(copy.message, 0, copy.retain);
    }
    if (outlet === null && !this.durable) return this.drop('session-ended', copy.message.topic, 1);
    const direct = this.#canSend && outlet !== null && this.queue.length === 0 && this.inFlight.room > 0;
    if (!direct && !this.queue.takes(copy.message)) return this.drop('queue-full', copy.message.topic, 1);
    this.#sequence += 1;
    const delivery = new Delivery({
      message: copy.message,
      qos: copy.qos,
      retain: copy.retain,
      subscriptionIds: copy.subscriptionIds,
      sequence: this.#sequence,
      checks: copy.recheck,
      binding: this.client.binding,
      stored: this.durable,
    });
    if (this.durable) this.#room.custody.session(queuedChange(this.key, delivery, wallOffset(this.#room.wheel.clock)));
    if (direct) this.#send(outlet, delivery);
    else this.queue.add(delivery);
  }

  /** Sends what waits, as far as the peer and its window allow. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#canSend && this.queue.length > 0 && this.inFlight.room > 0 && this.outlet !== null) if (!this.#sendNext(this.outlet)) return;
      if (!this.#replays.waiting) return;
      const may = (): boolean => this.#canSend && this.queue.length === 0;
      const step = (): boolean => this.#replayNext();
      this.#replays.run(this.#room.turns, may, step, () => this.pump());
    } finally {
      this.#pumping = false;
    }
  }

  /** The client is back: what it did not acknowledge goes out again first, in its old order [MQTT-4.4.0-1], if it still may have it. */
  resend(outlet: Outlet): void {
    if (this.#recheck?.doubtful === true) this.recheck('code');
    if (this.inFlight.count === 0) return this.pump();
    this.#resending = new Resending(this.#room, this, outlet, () => {
      this.#resending = null;
      this.pump();
    });
    this.#resending.run();
  }

  /** PUBACK, or the end of a QoS 2 handshake: the message is with the client. */
  acknowledged(packetId: number): void {
    const delivery = this.inFlight.delivery(packetId);
    this.inFlight.free(packetId);
    if (delivery !== null) this.settle(delivery, null);
    this.#resending?.settled(packetId);
    if (this.queue.length > 0 || this.#replays.waiting) this.pump();
  }

  /** PUBREC came with success. */
  released(packetId: number): void {
    const delivery = this.inFlight.delivery(packetId);
    this.inFlight.released(packetId);
    if (delivery?.stored !== true) return;
    this.#room.custody.session({ kind: 'released', session: this.key, sequence: delivery.sequence, packetId });
  }

  /** Keeps a QoS 2 message of the client until its PUBREL; null for one that was refused without the client's knowing. */
  hold(packetId: number, approved: ApprovedMessage | null): void {
    this.received.set(packetId, approved);
    if (!this.durable || approved === null) return;
    const message = approved.message.stored(wallOffset(this.#room.wheel.clock));
    this.#room.custody.session({ kind: 'received', session: this.key, packetId, message });
  }

  /** PUBREL came: the message and its identifier are done with. */
  complete(packetId: number): void {
    if (this.received.delete(packetId) && this.durable) this.#room.custody.session({ kind: 'completed', session: this.key, packetId });
  }

  /** Adds or replaces a subscription. Returns whether its filter is new to the session. */
  subscribe(key: string, options: SubscriptionOptions): { subscription: Subscription; isNew: boolean } {
    let subscription = this.subscriptions.get(key);
    const isNew = subscription === undefined;
    if (subscription === undefined) {
      const shared = parseSharedFilter(key);
      const inner = shared === null || shared === 'invalid' ? { shareName: null, filter: key } : shared;
      subscription = new Subscription(this, key, inner.filter, inner.shareName, options);
      this.subscriptions.set(key, subscription);
      this.judge(subscription);
      this.#room.router.subscribe(this.domain, subscription);
    } else {
      subscription.replace(options);
      this.judge(subscription);
      if (!subscription.suspended && this.revocations?.resume(subscription) === true) this.revocations.restore();
      this.domain.tree.touch();
    }
    if (this.durable) this.#room.custody.session({ kind: 'subscribed', session: this.key, subscription: storedSubscription(subscription) });
    return { subscription, isNew };
  }

  unsubscribe(key: string): Subscription | null {
    const subscription = this.subscriptions.get(key);
    if (subscription === undefined) return null;
    this.subscriptions.delete(key);
    this.#replays.stop(subscription);
    this.revocations?.resume(subscription);
    this.revocations?.changed();
    this.#room.router.unsubscribe(this.domain, subscription);
    if (this.durable) this.#room.custody.session({ kind: 'unsubscribed', session: this.key, filter: key });
    return subscription;
  }

  /** Judges the subscriptions, and what is on its way, by the rights that the client has now; `done` is called when all are judged. */
  recheck(scope: RecheckScope, done: () => void = () => {}): void {
    this.#recheck ??= new Recheck(this.#room, this);
    this.#recheck.run(scope, done);
  }

  recheckDone(recheck: Recheck): void {
    if (this.#recheck === recheck) this.#recheck = null;
  }

  /** Whether code is yet to confirm the subscriptions: meanwhile it is asked about no copy, and nothing that has waited goes out. */
  get rechecking(): boolean {
    return this.#recheck?.asking === true;
  }

  get revocable(): Revocations {
    this.revocations ??= new Revocations(this.#room, this);
    return this.revocations;
  }

  /** Goes on with what a recheck held up. */
  goOn(): void {
    this.#resending?.run();
    this.#asked?.run();
    this.pump();
  }

  /** By the rights of this moment: between the answer to a SUBSCRIBE and its subscription, or since then, they may have changed. */
  judge(subscription: Subscription): void {
    subscription.judged(deliveryChecks(this.client, subscription.filter, subscription.byCode));
  }

  /** Gives up everything: the session is over. */
  discard(): void {
    forgetSubscriptions(this.#room, this);
    for (const { message } of this.queue.giveUp(Number.POSITIVE_INFINITY, () => true)) this.drop('session-ended', message.topic, 1);
    this.#replays.clear();
    this.inFlight.clear();
    this.received.clear();
    this.#asked?.stop();
    this.#resending?.stop();
    this.#recheck?.stop();
    this.revocations?.stop();
  }

  /** The connection is gone; what was only for it is forgotten. */
  disconnected(): void {
    this.outlet = null;
    this.leases = null;
    this.#replays.clear();
    this.#resending?.stop();
    this.#resending = null;
    this.#recheck?.disconnected();
    if (!this.durable) this.inFlight.clear();
  }

  #rejudge(target: Target): void {
    for (const subscription of target.subscriptions) this.judge(subscription);
    target.merge();
  }

  get #canSend(): boolean {
    return this.outlet !== null && !this.outlet.congested && this.#resending === null && !this.rechecking;
  }

  #ask(run: AuthorizedRun, target: Target): void {
    const refused = this.#askedCopies().addRun(run, target);
    if (refused > 0) this.drop('queue-full', run.entry.topic, refused);
  }

  #askedCopies(): AskedCopies {
    this.#asked ??= new AskedCopies(this.#room, this);
    return this.#asked;
  }

  /** False when it must wait until questions that are out are answered. */
  #replayNext(): boolean {
    if (this.client.receiveAsks && this.#askedCopies().full) return false;
    const next = this.#replays.next();
    if (next === null) return false;
    if (next === 'not yet') return true;
    const { subscription, message, live } = next;
    // [MQTT-3.8.3-3] Kept or not, its own message does not come back.
    if (subscription.noLocal && message.publisherClientId === this.clientId && !message.foreign) return true;
    const qos = message.qos < subscription.qos ? message.qos : subscription.qos;
    // It came, or waits, as what was published since; at QoS 0 it may have been dropped, and what is newest is worth a second copy.
    if (live && qos > 0) return true;
    const subscriptionIds = subscription.id === 0 ? null : [subscription.id];
    if (!subscription.current) this.judge(subscription);
    const copy: Copy = { message, qos, retain: true, subscriptionIds, recheck: recheckOf(subscription) };
    const entry = this.domain.topics.internBytes(message.topicBytes);
    if (this.client.receiveAsks) this.#askedCopies().add(entry, copy);
    else if (this.client.mayReceive(entry, subscription.checks)) this.offer(copy);
    else this.drop('not-authorized', message.topic, 1);
    return true;
  }

  /** False when it must wait until questions that are out are answered. */
  #sendNext(outlet: Outlet): boolean {
    const waiting = this.queue.peek();
    const covered = waiting !== null && this.revocations?.covers(waiting.message.topic) === true;
    const asks = waiting !== null && !covered && this.client.receiveAsks && waiting.isOutdated(this.client);
    if (asks && this.#askedCopies().full) return false;
    const delivery = this.queue.next();
    if (delivery === null) return false;
    const { message } = delivery;
    // [MQTT-3.3.2-5] What expired before its delivery began is dropped.
    if (isExpired(message, this.#room.wheel.clock.now())) this.settle(delivery, 'expired');
    else if (covered) this.revocable.hold(delivery);
    else if (asks) {
      // Code has to be asked again; the copy comes back through `offer` when it may go on.
      this.settle(delivery, null);
      this.#askedCopies().add(this.domain.topics.internBytes(message.topicBytes), { ...delivery, recheck: delivery.checks });
    } else if (delivery.isOutdated(this.client) && !this.client.mayReceive(this.domain.topics.internBytes(message.topicBytes), delivery.checks)) {
      this.revocable.hold(delivery);
    } else this.#send(outlet, delivery);
    return true;
  }

  #send(outlet: Outlet, delivery: Delivery): void {
    // What cannot be sent again is not kept: only its identifier is owed.
    const packetId = this.inFlight.take(delivery.qos, delivery.stored ? delivery : null);
    if (!outlet.sendMessage(delivery.message, delivery.qos, delivery.retain, false, packetId, delivery.subscriptionIds)) {
      this.inFlight.free(packetId);
      return this.settle(delivery, 'too-large');
    }
    if (delivery.stored) this.#room.custody.session({ kind: 'sent', session: this.key, sequence: delivery.sequence, packetId });
    this.#delivered(delivery.message, delivery.qos, delivery.retain);
  }

  /** Is done with a copy; without a reason it came to its client, or goes on another way. */
  settle(delivery: Delivery, reason: DropReason | null = null): void {
    if (delivery.stored) this.#room.custody.session({ kind: 'settled', session: this.key, sequence: delivery.sequence });
    if (reason !== null) this.drop(reason, delivery.message.topic, 1);
  }

  /** Counts what does not reach the client. */
  drop(reason: DropReason, topic: string, count: number): void {
    if (reason === 'not-authorized') {
      this.#room.stats.deliveriesDenied += count;
      // What code was asked about, the gate has recorded itself.
      if (!this.client.receiveAsks) this.#room.gate.deliveryRefused(this.client, topic, reason, null, count);
    }
    countDrop(this.#room, reason, this.clientId, this.tenant, topic, count);
  }

  #delivered(message: Message, qos: 0 | 1 | 2, retain: boolean): void {
    if (!this.#room.gate.tellsDeliveries) return;
    const news = { clientId: this.clientId, tenant: this.tenant, topic: message.topic, qos, retain, payloadBytes: message.payload.length };
    this.#room.gate.tell('messageDelivered', news);
  }
}
