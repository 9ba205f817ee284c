import { parseSharedFilter, ReasonCode } from '@portcullis/sdk';
import { encodeSuback, type RequestedFilter, type SubscribePacket } from '../codec/index.js';
import { ERRORS } from '../errors.js';
import { type GateClient, refusalCode, type SubscribeVerdict } from '../gate/index.js';
import type { Session } from '../session/index.js';
import { NO_MARK } from '../store/index.js';
import type { Connection } from './connection.js';
import { inSlices, rest } from './slices.js';

/** Judges the topic filters one after the other, then makes the subscriptions and answers with a code for each, in order. */
export function onSubscribe(connection: Connection, packet: SubscribePacket): void {
  const { session } = connection;
  if (session === null) return;
  const { mount } = connection.outlet;
  const mounted = mount === null ? packet : { ...packet, filters: packet.filters.map((one) => ({ ...one, filter: mount.filter(one.filter) })) };
  new Subscribing(connection, session, mounted).run();
}

/** What the wire can carry. */
const MAX_FILTER_BYTES = 65_535;
/** Filters that are judged between two looks at the clock. */
const FILTERS_BETWEEN_LOOKS = 16;

interface Granted {
  readonly requested: RequestedFilter;
  readonly verdict: SubscribeVerdict & { readonly outcome: 'grant' };
  /** The rights by which it was judged, and their version. */
  readonly binding: GateClient['binding'];
  readonly version: number;
}

class Subscribing {
  readonly #connection: Connection;
  readonly #session: Session;
  readonly #packet: SubscribePacket;
  readonly #codes: number[] = [];
  readonly #granted: Granted[] = [];
  /** Filters granted so far that are new to the session. */
  readonly #added = new Set<string>();
  #addedLength = 0;
  #running = false;
  #waiting = false;
  /** Whether code allowed one of them by rights that have changed since: the packet may have waited for others. */
  #unconfirmed = false;

  constructor(connection: Connection, session: Session, packet: SubscribePacket) {
    this.#connection = connection;
    this.#session = session;
    this.#packet = packet;
  }

  run(): void {
    if (this.#running) return;
    this.#running = true;
    const { turns } = this.#connection.room;
    const { filters } = this.#packet;
    const until = turns.begin(this.#connection);
    while (!this.#waiting && this.#codes.length < filters.length) {
      this.#judge(filters[this.#codes.length] as RequestedFilter);
      if (this.#codes.length % FILTERS_BETWEEN_LOOKS === 0 && !this.#waiting && turns.over(until)) this.#rest();
    }
    this.#running = false;
    if (!this.#waiting) this.#finish();
  }

  /** The others' turn: a packet may have a thousand filters. */
  #rest(): void {
    this.#waiting = true;
    rest(this.#connection, () => {
      if (!this.#current) return;
      this.#waiting = false;
      this.run();
    });
  }

  #judge(requested: RequestedFilter): void {
    const { room } = this.#connection;
    const question = this.#question(requested);
    if (typeof question === 'number') return void this.#codes.push(question);
    let answered = false;
    const pending = room.gate.judgeSubscribe(this.#session.client, question, (verdict) => {
      answered = true;
      if (!this.#current) return;
      this.#take(requested, verdict);
      if (!this.#waiting) return;
      this.#waiting = false;
      this.run();
    });
    if (answered) return;
    this.#waiting = true;
    this.#connection.hold(pending);
  }

  /** The question that the gate is asked, or the reason code by which the filter is refused at once. */
  #question(requested: RequestedFilter): { filter: string; shareName: string | null; qos: 0 | 1 | 2 } | number {
    const { room, outlet } = this.#connection;
    const { limits } = room;
    const { filter, qos } = requested;
    // Only a mountpoint makes it longer than it can be.
    const tooLong = outlet.mount !== null && Buffer.byteLength(filter) > MAX_FILTER_BYTES;
    if (tooLong || levelsOf(filter) > limits.maxTopicLevels) return ReasonCode.TopicFilterInvalid;
    if (this.#isNew(filter)) {
      const { subscriptions } = this.#session;
      if (subscriptions.size + this.#added.size >= limits.maxSubscriptions) return ReasonCode.QuotaExceeded;
      if (subscriptions.filterLength + this.#addedLength + filter.length > limits.maxSubscriptionBytes) return ReasonCode.QuotaExceeded;
    }
    const shared = parseSharedFilter(filter);
    if (shared === 'invalid') return ReasonCode.TopicFilterInvalid;
    return shared === null ? { filter, shareName: null, qos } : { filter: shared.filter, shareName: shared.shareName, qos };
  }

  /** Whether the filter would be one more: a packet may name one twice, or one that the session has. */
  #isNew(filter: string): boolean {
    return !this.#session.subscriptions.has(filter) && !this.#added.has(filter);
  }

  #take(requested: RequestedFilter, verdict: SubscribeVerdict): void {
    if (verdict.outcome === 'grant') {
      if (this.#isNew(requested.filter)) {
        this.#added.add(requested.filter);
        this.#addedLength += requested.filter.length;
      }
      const { binding } = this.#session.client;
      this.#granted.push({ requested, verdict, binding, version: binding.version });
      this.#codes.push(verdict.qos);
    } else this.#codes.push(verdict.outcome === 'deny' ? refusalCode(verdict.reason, 'suback') : ReasonCode.UnspecifiedError);
  }

  get #current(): boolean {
    return this.#connection.session === this.#session && this.#session.outlet === this.#connection.outlet;
  }

  #finish(): void {
    const connection = this.#connection;
    const { room, version } = connection;
    // MQTT 3.1 has no code for a refusal; to grant in appearance would be a lie, so the client has to go, with nothing changed.
    if (version === 3 && this.#codes.some((code) => code >= 0x80)) return connection.fail(ERRORS.refused, 'a subscription was not allowed');
    const codes = version === 5 ? this.#codes : this.#codes.map((code) => (code >= 0x80 ? 0x80 : code));
    const suback = encodeSuback(version, this.#packet.packetId, codes);
    if (!connection.takes(suback.length)) return connection.fail(ERRORS.tooLarge, 'the client does not take a SUBACK of this size');
    const replays: (() => void)[] = [];
    let mark = NO_MARK;
    const make = (granted: Granted): boolean => {
      if (!this.#current) return false;
      room.custody.begin();
      const replay = this.#subscribe(granted);
      if (replay !== null) replays.push(replay);
      const made = room.custody.end();
      if (made === null) connection.end(ReasonCode.ImplementationSpecificError, 'the store cannot take the subscription');
      // Changes are settled in their order: with the last of them all.
      else if (made !== NO_MARK) mark = made;
      return made !== null;
    };
    inSlices(connection, this.#granted, make, () => {
      if (!this.#current) return;
      if (this.#unconfirmed) this.#session.recheck('code');
      connection.acknowledgements.send(mark, suback, () => {
        for (const replay of replays) replay();
        this.#session.pump();
      });
      connection.release();
    });
  }

  /** Makes one subscription; returns what sends its retained messages, if any are due. */
  #subscribe({ requested, verdict, binding, version }: Granted): (() => void) | null {
    const { room } = this.#connection;
    const session = this.#session;
    const { client } = session;
    // What rules say is looked at again in any case.
    this.#unconfirmed ||= client.standing.hooks.has('authorize') && (client.binding !== binding || binding.version !== version);
    const { filter, noLocal, retainAsPublished, retainHandling } = requested;
    const { subscription, isNew } = session.subscribe(filter, {
      qos: verdict.qos,
      noLocal,
      retainAsPublished,
      retainHandling,
      id: this.#packet.subscriptionId,
      byCode: verdict.byCode,
    });
    if (room.gate.hears('subscribed')) {
      const { clientId, tenant } = session;
      room.gate.tell('subscribed', { clientId, tenant, owner: client.username, filter, qos: verdict.qos });
    }
    // [MQTT-3.3.1-9] to [MQTT-3.3.1-11]; a shared subscription gets none.
    if (subscription.shareName !== null || retainHandling === 2 || (retainHandling === 1 && !isNew)) return null;
    return () => session.replayRetained(subscription);
  }
}

function levelsOf(filter: string): number {
  let levels = 1;
  for (let at = filter.indexOf('/'); at >= 0; at = filter.indexOf('/', at + 1)) levels += 1;
  return levels;
}
