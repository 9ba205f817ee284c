import type { PubSubLoad } from '../load.js';
import { Acknowledgements } from './acknowledgements.js';
import type { Client, ClientOwner } from './client.js';
import type { Crew } from './crew.js';
import { PUBREL, writePublish } from './packets.js';
import { FRAME_ROOM } from './web-socket.js';
import type { World } from './world.js';

const MOST_BYTES_AT_ONCE = 1 << 20;
const FREE = 0;
const SENT = 1;
const RECEIVED = 2;

/** When the messages of a paced run are due; all publishers take turns. */
export interface Pace {
  readonly startMs: number;
  readonly periodMs: number;
  readonly publishers: number;
}

/** A client that publishes its streams, never with more messages undelivered than its window allows. */
export class Publisher implements ClientOwner {
  readonly client: Client;
  readonly #index: number;
  readonly #load: PubSubLoad;
  readonly #crew: Crew;
  readonly #acknowledgements = new Acknowledgements();
  #world: World | null = null;
  readonly #streams: number[] = [];
  /** Messages of each of its streams so far. */
  #sequences = new Uint32Array(0);
  #turn = 0;
  #random: number;
  #buffer = Buffer.alloc(0);
  #mostAtOnce = 1;
  #sent = 0;
  /** Copies of its messages that arrived, at all receivers together. */
  delivered = 0;
  awake = false;
  pace: Pace | null = null;
  /** Messages that a paced run has let go. */
  owed = 0;
  readonly #freeIds: number[] = [];
  readonly #states: Uint8Array;

  constructor(crew: Crew, index: number, load: PubSubLoad) {
    this.#crew = crew;
    this.#index = index;
    this.#load = load;
    this.#random = index + 1;
    this.#states = new Uint8Array(load.inflight + 1);
    for (let id = load.inflight; id > 0; id--) this.#freeIds.push(id);
    this.client = crew.add(this);
  }

  /** Publishes that the broker has not acknowledged. */
  get unacknowledged(): number {
    return this.#load.inflight - this.#freeIds.length;
  }

  addStream(stream: number): void {
    this.#streams.push(stream);
  }

  enter(world: World): void {
    this.#world = world;
    this.#sequences = new Uint32Array(this.#streams.length);
    const longest = this.#streams.reduce((most, stream) => Math.max(most, world.templates[stream]?.bytes.length ?? 0), 1);
    const wanted = this.#load.window > 0 ? this.#load.window : this.#load.inflight;
    this.#mostAtOnce = Math.max(1, Math.min(wanted, Math.floor(MOST_BYTES_AT_ONCE / longest)));
    this.#buffer = Buffer.allocUnsafeSlow(FRAME_ROOM + this.#mostAtOnce * longest);
  }

  /** Sends what it may: nothing below a whole batch, so that every broker reads bursts of the same size. */
  publish(): void {
    const world = this.#world;
    // Not flushed: the broker does not read as fast as this writes. This is called again when something is delivered or due.
    if (world === null || !this.client.ready || !this.client.flushed) return;
    const qos = world.templates[this.#streams[0] ?? -1]?.qos ?? 0;
    let room = this.#mostAtOnce;
    if (this.#load.window > 0) room = Math.min(room, this.#load.window - (this.#sent - Math.floor(this.delivered / world.copies)));
    if (qos > 0) room = Math.min(room, this.#freeIds.length);
    if (this.pace !== null) room = Math.min(room, this.owed - this.#sent);
    else if (room < this.#load.batch) return;
    if (room <= 0) return;
    const now = performance.now();
    let end = FRAME_ROOM;
    for (let left = room; left > 0; left--) end = this.#write(world, end, qos, now);
    world.published += room;
    this.client.sendFrom(this.#buffer, end);
  }

  #write(world: World, at: number, qos: number, now: number): number {
    const own = this.#nextStream();
    const stream = this.#streams[own] ?? 0;
    const template = world.templates[stream];
    if (template === undefined) throw new Error(`there is no stream ${stream}`);
    const sequence = this.#sequences[own] ?? 0;
    this.#sequences[own] = sequence + 1;
    let dueMs = now;
    if (this.pace !== null) {
      const { startMs, periodMs, publishers } = this.pace;
      // The time at which it was due, not at which it could be sent: a broker that holds the generator up cannot hide it.
      dueMs = startMs + (this.#sent * publishers + this.#index) * periodMs;
      if (dueMs >= world.measureFromMs) world.lag.add((now - dueMs) * 1000);
    }
    this.#sent++;
    let packetId = 0;
    if (qos > 0) {
      packetId = this.#freeIds.pop() ?? 0;
      this.#states[packetId] = SENT;
    }
    return writePublish(this.#buffer, at, template, packetId, sequence, dueMs);
  }

  #nextStream(): number {
    const count = this.#streams.length;
    if (count === 1) return 0;
    if (this.#load.pattern === 'filters') {
      // Xorshift: the same topics in every run, and no order that a cache could like.
      this.#random ^= this.#random << 13;
      this.#random ^= this.#random >>> 17;
      this.#random ^= this.#random << 5;
      return (this.#random >>> 0) % count;
    }
    const own = this.#turn;
    this.#turn = own + 1 === count ? 0 : own + 1;
    return own;
  }

  topicOf(stream: number): Uint8Array | null {
    return this.#world?.topicOf(stream) ?? null;
  }

  accepted(): void {
    this.#crew.progress.touch();
  }

  message(): void {
    if (this.#world !== null) this.#world.counts.misrouted++;
  }

  packet(client: Client, first: number, bytes: Buffer, from: number, length: number): void {
    const packetId = length < 2 ? 0 : ((bytes[from] ?? 0) << 8) | (bytes[from + 1] ?? 0);
    const state = this.#states[packetId] ?? FREE;
    const kind = first >> 4;
    if (kind === 5 && state === SENT) {
      this.#states[packetId] = RECEIVED;
      this.#acknowledgements.add(client, PUBREL, packetId);
    } else if ((kind === 4 && state === SENT) || (kind === 7 && state === RECEIVED)) {
      this.#states[packetId] = FREE;
      this.#freeIds.push(packetId);
      this.#world?.wake(this);
    } else this.#crew.fail(`a publisher got a packet of type ${kind} that nothing asked for`);
  }

  readEnd(client: Client): void {
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
