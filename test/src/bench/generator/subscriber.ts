import type { Acknowledgements } from './acknowledgements.js';
import type { Client, ClientOwner } from './client.js';
import { type Crew, Subscribing } from './crew.js';
import type { PacketReader } from './packet-reader.js';
import { PUBACK, PUBCOMP, PUBREC } from './packets.js';
import type { World } from './world.js';

/** Flags that the first delivery of a live message never has: DUP and RETAIN. */
const FOREIGN_FLAGS = 0x09;

/** Where a subscriber keeps its numbers: from one slot on for every stream, or only those streams whose one receiver it is. */
export type Slots = { readonly base: number } | { readonly own: Int32Array; readonly index: number };

/** A client that subscribes, acknowledges, and looks at every message. Without a world it is idle, and gets none. */
export class Subscriber implements ClientOwner {
  readonly client: Client;
  readonly subscribing: Subscribing;
  readonly #crew: Crew;
  readonly #qos: number;
  readonly #acknowledgements: Acknowledgements;
  #world: World | null = null;
  #base = -1;
  #own: Int32Array | null = null;
  #index = -1;
  /** When the current read was begun to be taken apart; 0 outside of reads. */
  #readMs = 0;

  constructor(crew: Crew, acknowledgements: Acknowledgements, filters: readonly string[], qos: number) {
    this.#crew = crew;
    this.#acknowledgements = acknowledgements;
    this.#qos = qos;
    this.client = crew.add(this);
    this.subscribing = new Subscribing(this.client, filters, qos, crew);
  }

  enter(world: World, slots: Slots): void {
    this.#world = world;
    if ('base' in slots) this.#base = slots.base;
    else {
      this.#own = slots.own;
      this.#index = slots.index;
    }
  }

  topicOf(stream: number): Uint8Array | null {
    return this.#world?.topicOf(stream) ?? null;
  }

  accepted(): void {
    this.#crew.progress.touch();
  }

  message(client: Client, reader: PacketReader): void {
    const qos = (reader.first >> 1) & 3;
    if (qos !== 0) this.#acknowledgements.add(client, qos === 1 ? PUBACK : PUBREC, reader.packetId);
    const world = this.#world;
    if (world === null) {
      this.#crew.counts.misrouted++;
      return;
    }
    const { stream } = reader;
    const template = world.templates[stream];
    if (template === undefined || reader.run !== world.run) {
      world.counts.altered++;
      return;
    }
    const asSent = reader.topicMatches && reader.payloadBytes === template.payloadBytes;
    if (!asSent || qos !== Math.min(template.qos, this.#qos) || (reader.first & FOREIGN_FLAGS) !== 0) world.counts.altered++;
    const slot = this.#own === null ? this.#base + stream : this.#own[stream] === this.#index ? stream : -1;
    if (slot < 0) {
      world.counts.misrouted++;
      return;
    }
    world.tracker.arrived(slot, reader.sequence);
    world.delivered++;
    if (this.#readMs === 0) this.#readMs = performance.now();
    if (reader.dueMs >= world.measureFromMs) world.latency.add((this.#readMs - reader.dueMs) * 1000);
    const publisher = world.publisherOf[stream];
    if (publisher === undefined) return;
    publisher.delivered++;
    world.wake(publisher);
  }

  packet(client: Client, first: number, bytes: Buffer, from: number, length: number): void {
    if (this.subscribing.took(first, bytes, from, length)) this.#crew.progress.touch();
    else if (first === 0x62 && length === 2) this.#acknowledgements.add(client, PUBCOMP, ((bytes[from] ?? 0) << 8) | (bytes[from + 1] ?? 0));
    else this.#crew.fail(`a subscriber got a packet of type ${first >> 4} that nothing asked for`);
  }

  readEnd(client: Client): void {
    this.#readMs = 0;
    this.#acknowledgements.flush(client);
    if (this.#world?.publishing === false) this.#crew.progress.touch();
  }

  failed(_client: Client, reason: string): void {
    this.#crew.fail(reason);
  }

  closed(): void {
    this.#crew.noteClosed();
  }
}
