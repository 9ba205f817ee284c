import assert from 'node:assert/strict';
import { MemoryBroker } from '../fuzz/memory-broker.js';
import { Random } from '../fuzz/random.js';
import { Member, quiet } from '../limits/member.js';
import { referenceMatches } from '../topics/reference.js';
import { type Entry, type Holding, innerOf, Ledger } from './ledger.js';
import { type Lane, PUBLISH_TO, Source, WITNESS } from './source.js';
import { Table, type User } from './table.js';

const SLOTS = ['c1', 'c2', 'c3', 'c4', 'c5', 'c6'] as const;
/** QoS 1 and 2 messages that may be on their way to one client. */
export const WINDOW = 3;

/** A client identifier: what is held under it, and who is connected with it. */
export interface Slot {
  readonly clientId: string;
  holding: Holding | null;
  member: Member | null;
  /** Whether something was left unacknowledged, so that nothing has to come at once. */
  behind: boolean;
  nextPacketId: number;
}

/** A real broker in memory, who is connected to it, and the reference beside it. */
export class World {
  readonly lane: Lane;
  readonly random: Random;
  readonly table: Table;
  readonly source: Source;
  readonly ledger: Ledger;
  readonly slots: readonly Slot[] = SLOTS.map((clientId) => ({ clientId, holding: null, member: null, behind: false, nextPacketId: 1 }));
  /** What was done, for people. */
  readonly history: string[] = [];
  step = 0;
  /** How much time has passed. */
  seconds = 0;
  /** Payloads that came when it was last looked. */
  readonly #lastGot = new Map<Member, Set<string>>();
  #broker: MemoryBroker | null = null;
  #witness: Member | null = null;

  constructor(seed: number, lane: Lane) {
    this.lane = lane;
    this.random = new Random(seed);
    this.table = new Table(this.random);
    this.source = new Source(this.table, lane);
    this.ledger = new Ledger(this.table);
  }

  get broker(): MemoryBroker {
    return this.#broker as MemoryBroker;
  }

  async begin(publishTo: readonly string[] = PUBLISH_TO): Promise<void> {
    const list = { authenticate: ['source'], authorize: ['source'], guards: this.lane === 'guards' ? ['source'] : [] };
    this.#broker = await MemoryBroker.start({ plugins: { source: this.source.plugin }, ...list, publishTo, limits: { maxInflight: WINDOW } });
    this.#witness = await Member.join(this.#broker, { version: 5, clientId: 'w', username: WITNESS });
    this.#witness.subscribe([['#', 0]]);
    await this.settle();
  }

  async end(): Promise<void> {
    await this.#broker?.stop();
  }

  say(what: string): void {
    this.history.push(`${this.step}: ${what}`);
  }

  /** Lets time pass, a second at a time: what becomes due meanwhile comes. */
  async pass(seconds: number): Promise<void> {
    for (let i = 0; i < seconds; i += 1) {
      this.broker.clock.advance(1000);
      this.seconds += 1;
      await this.settle();
      for (const { holding } of this.slots) {
        const will = holding?.will ?? null;
        if (holding === null || will === null || will.dueAt > this.seconds) continue;
        // That it was not published if it may not be, `routed` has seen to.
        this.wasFired(will.entry);
        holding.will = null;
      }
    }
  }

  /** The will had to be published in this step if its client may publish it, and `routed` has seen to it that it was not if it may not. */
  wasFired({ user, topic, id, routedIn }: Entry): void {
    if (this.table.may(user, 'publish', topic)) assert.equal(routedIn, this.step, `the will ${id} of ${user} to ${topic} is published`);
  }

  /**
   * Everybody who has to have it at once has it: whoever is there, keeps up, and has the right, also again after a while without; of a
   * group, somebody.
   */
  wasRouted({ id, user, topic, routedIn }: Entry): void {
    assert.equal(routedIn, this.step, `${id} of ${user} to ${topic} is routed`);
    const groups = new Map<string, { owed: boolean; keepsUp: boolean; got: boolean }>();
    for (const { clientId, holding, member, behind } of this.slots) {
      if (holding === null || member === null) continue;
      const may = this.mayHave(holding.user, topic);
      const got = this.#lastGot.get(member)?.has(id) === true;
      for (const [filter, { lostAt, mayBeGone }] of holding.filters) {
        if (!referenceMatches(innerOf(filter), topic)) continue;
        const owed = lostAt === null && !mayBeGone && may;
        if (filter.startsWith('$share')) {
          const group = groups.get(filter) ?? { owed: false, keepsUp: true, got: false };
          groups.set(filter, { owed: group.owed || owed, keepsUp: group.keepsUp && !behind, got: group.got || got });
        } else if (owed && !behind) assert.ok(got, `${clientId} (${holding.user}) gets ${id} to ${topic}`);
      }
    }
    for (const [filter, { owed, keepsUp, got }] of groups) if (owed && keepsUp) assert.ok(got, `somebody of ${filter} gets ${id} to ${topic}`);
  }

  /** Whether a user may get a copy at this moment. */
  mayHave(user: User, topic: string): boolean {
    return this.table.may(user, 'receive', topic) && this.table.may(user, 'subscribe', topic);
  }

  /** Turns until nobody gets anything any more, and holds everything that came against the reference. */
  async settle(others: readonly Member[] = []): Promise<Map<Member, Member['came']>> {
    const witness = this.#witness as Member;
    const members = [...this.slots.flatMap(({ member }) => (member === null ? [] : [member])), ...others];
    const known = new Map([witness, ...members].map((member) => [member, member.came.length]));
    await quiet(this.broker, [...known.keys()]);
    this.#lastGot.clear();
    const came = new Map([...known].map(([member, length]) => [member, member.came.slice(length)]));
    // The witness first: what was routed in this step is known by it.
    for (const packet of came.get(witness) ?? []) {
      if (packet.cmd === 'publish') this.ledger.routed({ ...packet, payload: String(packet.payload), dup: packet.dup }, this.step);
    }
    for (const { member, holding } of this.slots) {
      if (member === null || holding === null) continue;
      const got = new Set<string>();
      for (const packet of came.get(member) ?? []) {
        if (packet.cmd !== 'publish') continue;
        got.add(String(packet.payload));
        this.ledger.received(holding, { ...packet, payload: String(packet.payload) }, this.step);
      }
      this.#lastGot.set(member, got);
    }
    // Somebody who is refused, or was taken over, gets nothing more.
    for (const member of others)
      for (const { cmd } of came.get(member) ?? []) assert.notEqual(cmd, 'publish', 'a message for somebody who is not there');
    return came;
  }
}
