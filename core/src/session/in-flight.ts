import type { Delivery } from './delivery.js';

/** What is awaited for a packet identifier. */
export const Awaited = { NOTHING: 0, PUBACK: 1, PUBREC: 2, PUBCOMP: 3 } as const;

const ALL_IDS = 65_536;
/** Shared by all sessions that have nothing on its way. */
const NO_IDS = new Uint16Array(0);
const NO_STATES = new Uint8Array(0);
const NO_DELIVERIES: (Delivery | null)[] = [];

/**
 * Packet identifiers of messages on their way to a client, and what is awaited for each. An identifier in use is never given again
 * [MQTT-2.2.1-4]. Kept in small rings that grow with need, so that an acknowledgement is an array access.
 */
export class InFlight {
  count = 0;
  /** Most that may be on their way: the client's Receive Maximum under the broker's own limit [MQTT-3.3.4-9]. */
  limit: number;
  /** Messages that are kept for sending again also have a bound in bytes: a client that acknowledges nothing could hold any amount. */
  readonly #maxBytes: number;
  #bytes = 0;
  #ids = NO_IDS;
  #states = NO_STATES;
  #deliveries = NO_DELIVERIES;
  #lastId = 0;

  constructor(limit: number, maxBytes = Number.POSITIVE_INFINITY) {
    this.limit = limit;
    this.#maxBytes = maxBytes;
  }

  /** How many more may go on their way. The last one may go beyond the bound in bytes. */
  get room(): number {
    return this.#bytes > this.#maxBytes ? 0 : this.limit - this.count;
  }

  /** Gives out a free identifier. The caller has looked at `room`. */
  take(qos: number, delivery: Delivery | null): number {
    if (this.count * 2 >= this.#ids.length) this.#grow();
    const mask = this.#ids.length - 1;
    let id = this.#lastId;
    do id = id === 65_535 ? 1 : id + 1;
    while (this.#states[id & mask] !== Awaited.NOTHING);
    this.#lastId = id;
    const slot = id & mask;
    this.#ids[slot] = id;
    this.#states[slot] = qos === 1 ? Awaited.PUBACK : Awaited.PUBREC;
    this.#deliveries[slot] = delivery;
    if (delivery !== null) this.#bytes += delivery.message.bytes;
    this.count += 1;
    return id;
  }

  /** What is awaited for an identifier. */
  awaited(id: number): number {
    const slot = id & (this.#ids.length - 1);
    return this.#ids[slot] === id ? (this.#states[slot] as number) : Awaited.NOTHING;
  }

  delivery(id: number): Delivery | null {
    return this.awaited(id) === Awaited.NOTHING ? null : (this.#deliveries[id & (this.#ids.length - 1)] as Delivery | null);
  }

  /** PUBREC came: from here on only the identifier is owed. */
  released(id: number): void {
    this.#states[id & (this.#ids.length - 1)] = Awaited.PUBCOMP;
  }

  /** The handshake is over; the identifier is free again. */
  free(id: number): void {
    const slot = id & (this.#ids.length - 1);
    const delivery = this.#deliveries[slot];
    if (delivery !== null && delivery !== undefined) this.#bytes -= delivery.message.bytes;
    this.#states[slot] = Awaited.NOTHING;
    this.#deliveries[slot] = null;
    this.count -= 1;
  }

  /** Everything on its way, in the order in which it was sent. Only what has a delivery can be sent again. */
  all(): { id: number; awaited: number; delivery: Delivery }[] {
    const found: { id: number; awaited: number; delivery: Delivery }[] = [];
    for (let slot = 0; slot < this.#ids.length; slot += 1) {
      const delivery = this.#deliveries[slot];
      const awaited = this.#states[slot] as number;
      if (awaited !== Awaited.NOTHING && delivery !== null && delivery !== undefined)
        found.push({ id: this.#ids[slot] as number, awaited, delivery });
    }
    return found.sort((a, b) => a.delivery.sequence - b.delivery.sequence);
  }

  clear(): void {
    this.#ids = NO_IDS;
    this.#states = NO_STATES;
    this.#deliveries = NO_DELIVERIES;
    this.#bytes = 0;
    this.count = 0;
  }

  #grow(): void {
    const size = Math.min(ALL_IDS, Math.max(32, this.#ids.length * 4));
    if (size === this.#ids.length) return;
    const ids = new Uint16Array(size);
    const states = new Uint8Array(size);
    const deliveries = new Array<Delivery | null>(size).fill(null);
    for (let slot = 0; slot < this.#ids.length; slot += 1) {
      if (this.#states[slot] === Awaited.NOTHING) continue;
      const id = this.#ids[slot] as number;
      // Two identifiers that were apart modulo the smaller size are apart modulo its multiple.
      ids[id & (size - 1)] = id;
      states[id & (size - 1)] = this.#states[slot] as number;
      deliveries[id & (size - 1)] = this.#deliveries[slot] ?? null;
    }
    this.#ids = ids;
    this.#states = states;
    this.#deliveries = deliveries;
  }
}
