import assert from 'node:assert/strict';
import { MemoryBroker } from '../fuzz/memory-broker.js';
import { Random } from '../fuzz/random.js';
import { Member, quiet } from '../limits/member.js';
import { uint16, uint32, unsubscribe } from '../support/packets.js';
import { referenceMatches } from '../topics/reference.js';
import { type Entry, type Holding, innerOf, Ledger } from './ledger.js';
import { type Lane, PUBLISH_TO, Source, WITNESS } from './source.js';
import { FILTERS, GROUPS, Table, TOPICS, USERS, type User } from './table.js';

const SLOTS = ['c1', 'c2', 'c3', 'c4', 'c5', 'c6'] as const;
/** Longer than any scenario: sessions end because somebody ends them. */
const EXPIRY_SECONDS = 3000;
const WINDOW = 3;

export interface PlayOptions {
  readonly seed: number;
  readonly lane: Lane;
  readonly steps: number;
  /** What plugins may publish to, if not what the reference believes. */
  readonly publishTo?: readonly string[];
}

/** A client identifier: what is held under it, and who is connected with it. */
interface Slot {
  readonly clientId: string;
  holding: Holding | null;
  member: Member | null;
  /** Whether something was left unacknowledged, so that nothing has to come at once. */
  behind: boolean;
  nextPacketId: number;
}

/** Random traffic against a real broker in memory, each step of it held against the reference. */
export class Play {
  readonly ledger: Ledger;
  readonly history: string[] = [];
  readonly #options: PlayOptions;
  readonly #random: Random;
  readonly #table: Table;
  readonly #source: Source;
  readonly #slots: Slot[] = SLOTS.map((clientId) => ({ clientId, holding: null, member: null, behind: false, nextPacketId: 1 }));
  /** Payloads that came when it was last looked. */
  readonly #lastGot = new Map<Member, Set<string>>();
  #broker: MemoryBroker | null = null;
  #witness: Member | null = null;
  #step = 0;

  constructor(options: PlayOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#table = new Table(this.#random);
    this.#source = new Source(this.#table, options.lane);
    this.ledger = new Ledger(this.#table);
  }

  /** Plays all steps. Throws at the first that the reference does not allow, with what led to it. */
  async run(): Promise<Ledger> {
    const { lane, steps, publishTo = PUBLISH_TO } = this.#options;
    const list = { authenticate: ['source'], authorize: ['source'], guards: lane === 'guards' ? ['source'] : [] };
    this.#broker = await MemoryBroker.start({ plugins: { source: this.#source.plugin }, ...list, publishTo, limits: { maxInflight: WINDOW } });
    try {
      this.#witness = await Member.join(this.#broker, { version: 5, clientId: 'w', username: WITNESS });
      this.#witness.subscribe([['#', 0]]);
      await this.#settle();
      for (const slot of this.#slots) {
        await this.#connect(slot);
        for (let i = 0; i < 2; i += 1) await this.#subscribe(slot);
      }
      for (this.#step = 1; this.#step <= steps; this.#step += 1) await this.#next();
      for (const name of ['invariantsBroken', 'pluginFaults', 'escapedErrors']) assert.equal(this.#broker.stats.get(name), 0, name);
      return this.ledger;
    } catch (error) {
      const { seed } = this.#options;
      const said = error instanceof Error ? error.message : String(error);
      throw new Error(`${said}\nlane ${lane}, seed ${seed}, step ${this.#step}, the last of\n${this.history.slice(-40).join('\n')}`, {
        cause: error,
      });
    } finally {
      await this.#broker.stop();
    }
  }

  async #next(): Promise<void> {
    const random = this.#random;
    const there = this.#slots.filter(({ member }) => member !== null);
    const slot = random.pick(there.length === 0 || random.oneIn(6) ? this.#slots : there);
    const { member, holding } = slot;
    if (member === null || holding === null || random.oneIn(20)) return this.#connect(slot);
    const step = random.below(24);
    if (step < 3) return this.#subscribe(slot);
    if (step < 5) return holding.unreleased.size > 0 ? this.#release(slot) : this.#subscribe(slot);
    if (step < 6) return holding.filters.size > 2 ? this.#unsubscribe(slot) : this.#subscribe(slot);
    if (step < 8) return this.#publishByPlugin();
    if (step < 11) return this.#changeRights(holding.user);
    if (step < 13) return member.acknowledges ? this.#fallBehind(slot) : this.#catchUp(slot);
    if (step < 14) return this.#leave(slot);
    if (step < 15) return this.#passTime();
    return this.#publish(slot);
  }

  #say(what: string): void {
    this.history.push(`${this.#step}: ${what}`);
  }

  /** Somebody comes under this identifier; it is refused if it is somebody else's, or if its will is not allowed. */
  async #connect(slot: Slot): Promise<void> {
    const random = this.#random;
    const { holding } = slot;
    const user = holding !== null && !random.oneIn(4) ? holding.user : random.pick(USERS);
    const durable = user !== null && !random.oneIn(3);
    const clean = random.oneIn(5);
    const version = random.pick([4, 5] as const);
    const topic = random.pick(TOPICS);
    const will = random.oneIn(3) ? { entry: this.ledger.enter(topic, 'will', user), delaySeconds: version === 5 ? random.pick([0, 0, 5]) : 0 } : null;
    this.#say(
      `${user} comes as ${slot.clientId}${durable ? ', durable' : ''}${clean ? ', clean' : ''}${will === null ? '' : `, will ${will.entry.id} to ${topic}`}`,
    );
    const member = new Member(this.#alive, {
      version,
      clientId: slot.clientId,
      username: user ?? '',
      // A 3.1.1 client that wants its session cleaned wants none that lasts.
      cleanSession: version === 5 ? clean : !durable,
      ...(version === 5 ? { properties: `11${uint32(durable ? EXPIRY_SECONDS : 0)}21${uint16(WINDOW)}` } : {}),
      ...(will === null
        ? {}
        : { will: { topic, payload: will.entry.id, qos: 1, ...(version === 5 ? { properties: `18${uint32(will.delaySeconds)}` } : {}) } }),
    });
    const starts = version === 5 ? clean : !durable;
    const foreign = holding !== null && holding.user !== user;
    // Guards see a will when it is published.
    const willRefused = will !== null && this.#options.lane !== 'guards' && !this.#table.may(user, 'publish', topic);
    const before = slot.member;
    // Whoever took the connection over sees what was in flight again.
    const resumes = !foreign && !willRefused && holding?.durable === true && !starts;
    const next: Holding = resumes && holding !== null ? holding : { user, durable, filters: new Map(), ever: new Set(), unreleased: new Map(), will };
    const lost = holding?.will ?? null;
    if (foreign || willRefused) {
      if (will !== null) will.entry.refused = true;
    } else {
      slot.holding = next;
      slot.member = member;
      slot.behind = false;
      next.durable = durable;
      next.will = will;
    }
    await this.#settle(foreign || willRefused ? [member] : before === null ? [] : [before]);
    const connack = member.came.shift();
    const code = connack?.cmd === 'connack' ? (version === 5 ? connack.reasonCode : connack.returnCode) : -1;
    const expected = willRefused ? [5, 0x87] : foreign ? [2, 0x85] : [0, 0];
    assert.equal(code, expected[version - 4], `CONNACK for ${user} as ${slot.clientId}`);
    if (foreign || willRefused) return;
    assert.equal(connack?.cmd === 'connack' && connack.sessionPresent, resumes, 'session present');
    if (before !== null) assert.ok(before.peer.ended, 'the connection before is over');
    // A will without delay goes with its connection, one with delay waits for the session that may go on.
    if (before !== null && lost !== null && (lost.delaySeconds === 0 || !resumes)) this.#wasFired(lost.entry);
  }

  async #leave(slot: Slot): Promise<void> {
    const { member, holding } = slot;
    if (member === null || holding === null) return;
    const politely = this.#random.oneIn(2);
    this.#say(`${slot.clientId} ${politely ? 'leaves' : 'is lost'}`);
    if (politely) member.send('e0 00');
    else member.peer.disappear();
    const { will } = holding;
    if (politely) holding.will = null;
    await this.#settle();
    slot.member = null;
    if (!politely && will !== null && (will.delaySeconds === 0 || !holding.durable)) this.#wasFired(will.entry);
    if (will !== null && (politely || will.delaySeconds === 0)) holding.will = null;
    if (!holding.durable) slot.holding = null;
  }

  /** The will had to be published in this step if its client may publish it, and `routed` has seen to it that it was not if it may not. */
  #wasFired({ user, topic, id, routedIn }: Entry): void {
    if (this.#table.may(user, 'publish', topic)) assert.equal(routedIn, this.#step, `the will ${id} of ${user} to ${topic} is published`);
  }

  async #subscribe(slot: Slot): Promise<void> {
    const { member, holding } = slot;
    if (member === null || holding === null) return;
    const filter = this.#random.pick(this.#random.oneIn(4) ? GROUPS : FILTERS);
    const qos = this.#random.pick([0, 1, 1, 2] as const);
    this.#say(`${slot.clientId} (${holding.user}) subscribes to ${filter}, QoS ${qos}`);
    const may = this.#options.lane === 'guards' || this.#table.maySubscribe(holding.user, innerOf(filter));
    if (may) {
      holding.filters.set(filter, { steady: true });
      holding.ever.add(filter);
    }
    member.subscribe([[filter, qos]], { packetId: slot.nextPacketId++ });
    const packets = await this.#settle();
    const suback = packets.get(member)?.find(({ cmd }) => cmd === 'suback');
    const granted = suback?.cmd === 'suback' ? suback.granted : [];
    assert.deepEqual(granted, [may ? qos : member.version === 5 ? 0x87 : 0x80], `SUBACK for ${holding.user} and ${filter}`);
  }

  async #unsubscribe(slot: Slot): Promise<void> {
    const { member, holding } = slot;
    if (member === null || holding === null || holding.filters.size === 0) return;
    const filter = this.#random.pick([...holding.filters.keys()]);
    this.#say(`${slot.clientId} unsubscribes from ${filter}`);
    holding.filters.delete(filter);
    const properties = member.version === 5 ? { properties: '' } : {};
    member.send(unsubscribe({ packetId: slot.nextPacketId++, filters: [filter], ...properties }));
    await this.#settle();
  }

  async #publish(slot: Slot): Promise<void> {
    const { member, holding } = slot;
    if (member === null || holding === null) return;
    const random = this.#random;
    const topic = random.pick(TOPICS);
    const qos = random.pick([0, 1, 1, 2] as const);
    const retain = random.oneIn(4);
    const entry = this.ledger.enter(topic, 'client', holding.user);
    const may = this.#table.may(holding.user, 'publish', topic);
    entry.refused = !may;
    const packetId = slot.nextPacketId++;
    this.#say(`${slot.clientId} (${holding.user}) publishes ${entry.id} to ${topic}, QoS ${qos}${retain ? ', retained' : ''}`);
    // A 5.0 client is told of the refusal, and will send no PUBREL.
    if (qos === 2 && (may || member.version === 4)) holding.unreleased.set(packetId, entry);
    member.publish({ topic, payload: entry.id, qos, retain, packetId });
    await this.#settle();
    if (may && qos < 2) this.#wasRouted(entry);
  }

  /** PUBREL of a QoS 2 message, some time later. */
  async #release(slot: Slot): Promise<void> {
    const { member, holding } = slot;
    if (member === null || holding === null || holding.unreleased.size === 0) return;
    const [packetId, entry] = this.#random.pick([...holding.unreleased]);
    this.#say(`${slot.clientId} releases ${entry.id}`);
    holding.unreleased.delete(packetId);
    // Guards have let it pass already.
    entry.passed = this.#options.lane === 'guards';
    if (!entry.passed && !this.#table.may(entry.user, 'publish', entry.topic)) entry.refused = true;
    const may = !entry.refused;
    member.release(packetId);
    await this.#settle();
    if (may) this.#wasRouted(entry);
  }

  async #publishByPlugin(): Promise<void> {
    const topic = this.#random.pick(TOPICS);
    const entry = this.ledger.enter(topic, 'plugin', null);
    this.#say(`the plugin publishes ${entry.id} to ${topic}`);
    const may = PUBLISH_TO.some((filter) => referenceMatches(filter, topic));
    entry.refused = !may;
    const done = this.#source.publish(topic, entry.id, this.#random.below(3) as 0 | 1 | 2, this.#random.oneIn(4)).then(
      () => true,
      () => false,
    );
    await this.#settle();
    assert.equal(await done, may, `the plugin publishes ${entry.id} to ${topic}`);
    if (may) this.#wasRouted(entry);
  }

  async #changeRights(user: User): Promise<void> {
    this.#say(`the rights of ${user} change`);
    this.#table.change(user, this.#random);
    for (const { holding } of this.#slots) {
      if (holding?.user !== user) continue;
      for (const filter of holding.filters.values()) filter.steady = false;
    }
    this.#source.changed(user);
    await this.#settle();
    // Whoever spreads its questions over time has asked them.
    this.#alive.clock.advance(1000);
    await this.#settle();
  }

  async #fallBehind(slot: Slot): Promise<void> {
    const { member } = slot;
    if (member === null) return;
    this.#say(`${slot.clientId} acknowledges nothing`);
    member.acknowledges = false;
    slot.behind = true;
  }

  async #catchUp(slot: Slot): Promise<void> {
    const { member } = slot;
    if (member === null || member.acknowledges) return;
    this.#say(`${slot.clientId} acknowledges all`);
    member.acknowledges = true;
    for (const packet of member.published) member.acknowledge(packet);
    member.came.length = 0;
    await this.#settle();
    slot.behind = false;
  }

  async #passTime(): Promise<void> {
    const seconds = this.#random.pick([1, 6, 6, 70]);
    this.#say(`${seconds} seconds pass`);
    for (let i = 0; i < seconds; i += 1) {
      this.#alive.clock.advance(1000);
      if (i < 10) await this.#settle();
    }
    await this.#settle();
    for (const { holding, member } of this.#slots) {
      // Its delay is over; that it was judged by the rights of that moment, `routed` has seen to.
      if (member === null && holding?.will != null && seconds > holding.will.delaySeconds) {
        this.#wasFired(holding.will.entry);
        holding.will = null;
      }
    }
  }

  /** Everybody who has to have it at once has it: whoever is there, keeps up, and had these rights since it subscribed; of a group, somebody. */
  #wasRouted({ id, user, topic, routedIn }: Entry): void {
    assert.equal(routedIn, this.#step, `${id} of ${user} to ${topic} is routed`);
    const groups = new Map<string, { owed: boolean; keepsUp: boolean; got: boolean }>();
    for (const { clientId, holding, member, behind } of this.#slots) {
      if (holding === null || member === null) continue;
      const may = this.#table.may(holding.user, 'receive', topic) && this.#table.may(holding.user, 'subscribe', topic);
      const got = this.#lastGot.get(member)?.has(id) === true;
      for (const [filter, { steady }] of holding.filters) {
        if (!referenceMatches(innerOf(filter), topic)) continue;
        const owed = steady && may;
        if (filter.startsWith('$share')) {
          const group = groups.get(filter) ?? { owed: false, keepsUp: true, got: false };
          groups.set(filter, { owed: group.owed || owed, keepsUp: group.keepsUp && !behind, got: group.got || got });
        } else if (owed && !behind) assert.ok(got, `${clientId} (${holding.user}) gets ${id} to ${topic}`);
      }
    }
    for (const [filter, { owed, keepsUp, got }] of groups) if (owed && keepsUp) assert.ok(got, `somebody of ${filter} gets ${id} to ${topic}`);
  }

  /** Turns until nobody gets anything any more, and holds everything that came against the reference. */
  async #settle(others: readonly Member[] = []): Promise<Map<Member, Member['came']>> {
    const witness = this.#witness as Member;
    const members = [...this.#slots.flatMap(({ member }) => (member === null ? [] : [member])), ...others];
    const known = new Map([witness, ...members].map((member) => [member, member.came.length]));
    await quiet(this.#alive, [...known.keys()]);
    this.#lastGot.clear();
    const came = new Map([...known].map(([member, length]) => [member, member.came.slice(length)]));
    // The witness first: what was routed in this step is known by it.
    for (const packet of came.get(witness) ?? []) {
      if (packet.cmd === 'publish') this.ledger.routed({ ...packet, payload: String(packet.payload), dup: packet.dup }, this.#step);
    }
    for (const { member, holding } of this.#slots) {
      if (member === null || holding === null) continue;
      const got = new Set<string>();
      for (const packet of came.get(member) ?? []) {
        if (packet.cmd !== 'publish') continue;
        got.add(String(packet.payload));
        this.ledger.received(holding, { ...packet, payload: String(packet.payload) }, this.#step);
      }
      this.#lastGot.set(member, got);
    }
    // Somebody who is refused, or was taken over, gets nothing more.
    for (const member of others)
      for (const { cmd } of came.get(member) ?? []) assert.notEqual(cmd, 'publish', 'a message for somebody who is not there');
    return came;
  }

  get #alive(): MemoryBroker {
    return this.#broker as MemoryBroker;
  }
}
