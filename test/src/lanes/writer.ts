import type { Random } from '../fuzz/random.js';
import { field, PINGREQ, type PublishFields, publish, pubrel, subscribe, uint16, uint32, unsubscribe, varint } from '../support/packets.js';
import { fromHex } from '../support/wire-client.js';
import { type Broken, type BrokenLimits, someBroken } from './broken-packets.js';
import { OPEN_TOPIC } from './rights.js';
import type { Cast } from './scenario.js';

/** What one client sends at a stretch. */
export interface Segment {
  readonly member: number;
  readonly packets: readonly Buffer[];
  /** PUBLISH packets that the broker has to count, those behind a broken packet left out. */
  readonly publishes: number;
  /** What ends the connection in the middle of it, or null. */
  readonly broken: Broken | null;
  /** How far time moves on behind it, in milliseconds. */
  readonly pauseMs: number;
}

/** Fields of a PUBLISH; null for the properties that 3.x does not have. */
type Written = Omit<PublishFields, 'properties'> & { readonly properties: string | null };

type WriterLimits = BrokenLimits & { readonly receiveMaximum: number };

const LONG = `a/${'long'.repeat(130)}`;
const TOPICS = ['a', 'a/b', 'a/b', 'a/b/c', 'b', 'b/b', 'a/x/c', 'u/amy/t', 'u/bob/t', 'c/s1/x', 'c/dev-s2', 's3/x', '$x/y', 'é/ü', OPEN_TOPIC];
const FILTERS = ['#', 'a/#', 'a/+', '+/b', 'a/b', 'a/b/c', 'b', '+/+/c', 'u/#', 'u/+/t', 'c/s1/#', 'c/+', '+/x', '$x/#', 'é/+', 'ok/#'];
const SHARED = ['$share/g/a/#', '$share/g/+/b', '$share/h/#', '$share/h/u/+/t'];

/** Writes down what one client of a scenario sends, and knows what it still owes. */
export class Writer {
  readonly #random: Random;
  readonly #limits: WriterLimits;
  readonly #cast: Cast;
  readonly #member: number;
  #packets: string[] = [];
  #publishes = 0;
  #nextId = 1;
  /** QoS 2 messages without their PUBREL, and topics behind aliases. */
  #unreleased: number[] = [];
  #aliases = new Map<number, string>();

  constructor(random: Random, limits: WriterLimits, cast: Cast, member: number) {
    this.#random = random;
    this.#limits = limits;
    this.#cast = cast;
    this.#member = member;
  }

  subscriptions(): Segment {
    for (let count = 1 + this.#random.below(4); count > 0; count -= 1) this.#subscribe();
    return this.#segment(null);
  }

  /** Runs of messages that resemble each other, other packets in between, and sometimes a broken one at which all ends. */
  traffic(): Segment {
    const random = this.#random;
    if (this.#unreleased.length * 2 >= this.#limits.receiveMaximum) this.#releaseAll();
    for (let count = 1 + random.below(8); count > 0; count -= 1) {
      const dice = random.below(14);
      if (dice === 0) this.#subscribe();
      else if (dice === 1) this.#unsubscribe();
      else if (dice === 2) this.#packets.push(PINGREQ);
      else if (dice === 3) this.#releaseAll();
      else this.#run();
    }
    if (!random.oneIn(5)) return this.#segment(null);
    const broken = this.#cast.version === 5 && this.#limits.receiveMaximum < 100 && random.oneIn(5) ? this.#tooMany() : this.#break();
    const counted = this.#publishes;
    const unreleased = [...this.#unreleased];
    // What stands behind it must have no effect.
    for (let count = random.below(4); count > 0; count -= 1) this.#run();
    this.#publishes = counted;
    this.#unreleased = unreleased;
    const segment = this.#segment(broken);
    this.#aliases.clear();
    return segment;
  }

  #segment(broken: Broken | null): Segment {
    const packets = this.#packets.map((hex) => fromHex(hex));
    const publishes = this.#publishes;
    this.#packets = [];
    this.#publishes = 0;
    return { member: this.#member, packets, publishes, broken, pauseMs: this.#random.oneIn(4) ? 20_000 : 0 };
  }

  #id(): number {
    this.#nextId = (this.#nextId % 60_000) + 1;
    return this.#nextId;
  }

  #run(): void {
    const random = this.#random;
    const qos = random.below(3) as 0 | 1 | 2;
    const topic = random.oneIn(25) && qos < 2 ? LONG : random.pick(TOPICS);
    const retain = random.oneIn(12);
    const properties = this.#properties();
    // Now and then more than what is handed on at once.
    const most = qos < 2 && random.oneIn(40) ? 600 : 30;
    for (let count = random.oneIn(2) ? 1 + random.below(most) : 1; count > 0; count -= 1) {
      if (qos === 2 && this.#unreleased.length + 2 >= this.#limits.receiveMaximum) this.#releaseAll();
      const packetId = this.#id();
      const payload = random.bytes(qos < 2 && random.oneIn(60) ? 9000 : random.below(60));
      const fields = { topic, payload, qos, packetId, retain, dup: qos > 0 && random.oneIn(15), properties };
      this.#publish(this.#aliased(fields));
      if (qos < 2) continue;
      this.#unreleased.push(packetId);
      if (random.oneIn(8)) this.#publish({ ...fields, dup: true });
      // A client of 3.x is bounded by bytes, and ends when it leaves too many behind.
      if (this.#unreleased.length > 3 || random.oneIn(2)) this.#releaseAll();
    }
  }

  /** As it is, with a topic alias from here on, or with nothing but an alias. */
  #aliased(fields: Written): Written {
    const { topic, properties } = fields;
    if (properties === null || !this.#random.oneIn(6)) return fields;
    const alias = 1 + this.#random.below(this.#limits.topicAliasMaximum);
    const known = this.#aliases.get(alias) === topic && this.#random.oneIn(2);
    this.#aliases.set(alias, topic);
    return { ...fields, topic: known ? '' : topic, properties: `${properties}23${uint16(alias)}` };
  }

  #publish({ properties, ...fields }: Written): void {
    this.#packets.push(publish(properties === null ? fields : { ...fields, properties }));
    this.#publishes += 1;
  }

  /** Properties of 5.0, the same for a whole run. */
  #properties(): string | null {
    if (this.#cast.version !== 5) return null;
    const random = this.#random;
    if (random.oneIn(2)) return '';
    const all = [
      '0101',
      `03${field('text/plain')}`,
      `08${field('r/t')}`,
      `09${field('\u0000x')}`,
      `26${field('k')}${field('v')}`,
      `26${field('k')}${field('é')}`,
      random.oneIn(2) ? `02${uint32(random.pick([0, 10, 30, 3600]))}` : '',
    ];
    return all.filter(() => random.oneIn(2)).join('');
  }

  #releaseAll(): void {
    for (const packetId of this.#unreleased) this.#packets.push(pubrel(packetId));
    this.#unreleased = [];
  }

  #subscribe(): void {
    const random = this.#random;
    const five = this.#cast.version === 5;
    const filters = Array.from({ length: 1 + random.below(2) }, () => {
      const shared = random.oneIn(4);
      const options = five ? random.pick([0, 0x08, 0x10, 0x20, ...(shared ? [] : [0x04, 0x0c])]) : 0;
      return [random.pick(shared ? SHARED : FILTERS), random.below(3) | options] as const;
    });
    const properties = random.oneIn(2) ? `0b${varint(1 + random.below(300))}` : '';
    this.#packets.push(subscribe({ packetId: this.#id(), filters, ...(five ? { properties } : {}) }));
  }

  #unsubscribe(): void {
    const filters = [this.#random.pick([...FILTERS, ...SHARED])];
    this.#packets.push(unsubscribe({ packetId: this.#id(), filters, ...(this.#cast.version === 5 ? { properties: '' } : {}) }));
  }

  /** Proper messages and in their midst one that is not. */
  #break(): Broken {
    const random = this.#random;
    const model = { topic: random.pick(TOPICS), qos: random.below(2) as 0 | 1, packetId: this.#id() };
    for (let count = random.below(6); count > 0; count -= 1) {
      const packetId = this.#id();
      const properties = this.#cast.version === 5 ? '' : null;
      this.#publish({ topic: model.topic, qos: model.qos, packetId, payload: random.bytes(10), properties });
    }
    const broken = someBroken(random, model, this.#cast.version, this.#limits);
    this.#packets.push(broken.hex);
    return broken;
  }

  /** More QoS 2 messages than the broker said it would hold. */
  #tooMany(): Broken {
    this.#releaseAll();
    for (let i = 0; i <= this.#limits.receiveMaximum; i += 1) {
      const packetId = this.#id();
      this.#unreleased.push(packetId);
      this.#publish({ topic: OPEN_TOPIC, qos: 2, packetId, payload: 'x', properties: '' });
    }
    return { name: 'more than the receive maximum', hex: '', codes: [0x93] };
  }
}
