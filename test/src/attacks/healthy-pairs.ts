import { connect, type Socket } from 'node:net';
import { connect311, subscribe } from '../support/packets.js';
import { fromHex } from '../support/wire-client.js';

/** How long messages took, in microseconds. */
export interface Latencies {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** What became of all messages. */
export interface Health {
  readonly sent: number;
  readonly came: number;
  /** Messages that did not come in their order, and connections that ended. */
  readonly disordered: number;
  readonly lost: number;
}

const PAYLOAD_BYTES = 64;
const STEP_MS = 5;

/** Clients that do nothing wrong: each pair has a publisher and a subscriber of its own topic, every other pair at QoS 1. */
export class HealthyPairs {
  readonly #pairs: Pair[];
  #timer: NodeJS.Timeout | null = null;
  #next = 0;
  #latencies: number[] = [];

  private constructor(pairs: Pair[]) {
    this.#pairs = pairs;
    for (const pair of pairs) pair.arrived = (microseconds) => this.#latencies.push(microseconds);
  }

  static async connect(port: number, count = 20): Promise<HealthyPairs> {
    const pairs: Pair[] = [];
    for (let i = 0; i < count; i += 1) pairs.push(await Pair.connect(port, i));
    return new HealthyPairs(pairs);
  }

  /** Publishes at a pace of so many messages a second, from here on. */
  pace(perSecond: number): void {
    const startedAt = performance.now();
    let done = 0;
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - startedAt) * perSecond) / 1000);
      // What the clients themselves were late with is left out: it is not the broker's.
      if (due - done > 10) done = due - 1;
      for (; done < due; done += 1) this.publish();
    }, STEP_MS);
  }

  /** Publishes one message of the next pair. */
  publish(): void {
    this.#pairs[this.#next]?.publish();
    this.#next = (this.#next + 1) % this.#pairs.length;
  }

  /** Latencies since the last time. */
  take(): Latencies {
    const sorted = this.#latencies.sort((a, b) => a - b);
    this.#latencies = [];
    const at = (part: number): number => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0);
    return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
  }

  get health(): Health {
    const sum = (of: (pair: Pair) => number): number => this.#pairs.reduce((total, pair) => total + of(pair), 0);
    return {
      sent: sum(({ sent }) => sent),
      came: sum(({ came }) => came),
      disordered: sum((pair) => pair.disordered),
      lost: sum(({ lost }) => lost),
    };
  }

  pause(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  end(): void {
    this.pause();
    for (const pair of this.#pairs) pair.end();
  }
}

class Pair {
  arrived: (microseconds: number) => void = () => {};
  sent = 0;
  came = 0;
  disordered = 0;
  lost = 0;
  readonly #qos: 0 | 1;
  readonly #topic: Buffer;
  readonly #publisher: Socket;
  readonly #subscriber: Socket;
  #rest: Buffer = Buffer.alloc(0);
  #ended = false;

  private constructor(topic: string, qos: 0 | 1, publisher: Socket, subscriber: Socket) {
    this.#topic = Buffer.from(topic);
    this.#qos = qos;
    this.#publisher = publisher;
    this.#subscriber = subscriber;
    publisher.on('data', () => {});
    subscriber.on('data', (chunk: Buffer) => this.#read(chunk));
    for (const socket of [publisher, subscriber]) {
      socket.on('close', () => {
        if (!this.#ended) this.lost += 1;
      });
    }
  }

  static async connect(port: number, index: number): Promise<Pair> {
    const topic = `healthy/${index}`;
    const qos = (index % 2) as 0 | 1;
    const publisher = await client(port, `hp${index}`);
    const subscriber = await client(port, `hs${index}`);
    await answered(subscriber, subscribe({ filters: [[topic, qos]] }));
    return new Pair(topic, qos, publisher, subscriber);
  }

  publish(): void {
    const topicEnd = 4 + this.#topic.length;
    const payloadStart = topicEnd + (this.#qos === 0 ? 0 : 2);
    const packet = Buffer.alloc(payloadStart + PAYLOAD_BYTES);
    packet[0] = 0x30 | (this.#qos << 1);
    packet[1] = packet.length - 2;
    packet.writeUInt16BE(this.#topic.length, 2);
    this.#topic.copy(packet, 4);
    if (this.#qos > 0) packet.writeUInt16BE((this.sent % 60_000) + 1, topicEnd);
    packet.writeUInt32BE(this.sent, payloadStart);
    packet.writeBigUInt64BE(process.hrtime.bigint(), payloadStart + 4);
    this.sent += 1;
    this.#publisher.write(packet);
  }

  end(): void {
    this.#ended = true;
    this.#publisher.destroy();
    this.#subscriber.destroy();
  }

  #read(chunk: Buffer): void {
    const now = process.hrtime.bigint();
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    // Every packet here is short enough for one byte of length.
    while (at + 2 <= bytes.length && at + 2 + (bytes[at + 1] as number) <= bytes.length) {
      const end = at + 2 + (bytes[at + 1] as number);
      this.#message(bytes.subarray(at, end), now);
      at = end;
    }
    this.#rest = bytes.subarray(at);
  }

  #message(packet: Buffer, now: bigint): void {
    const payload = packet.subarray(packet.length - PAYLOAD_BYTES);
    if (payload.readUInt32BE(0) !== this.came) this.disordered += 1;
    this.came += 1;
    this.arrived(Number(now - payload.readBigUInt64BE(4)) / 1000);
    if (this.#qos > 0)
      this.#subscriber.write(Buffer.from([0x40, 2, packet[packet.length - PAYLOAD_BYTES - 2] ?? 0, packet[packet.length - PAYLOAD_BYTES - 1] ?? 0]));
  }
}

async function client(port: number, clientId: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => {});
  await answered(socket, connect311({ clientId, username: 'healthy', password: 'sound' }));
  return socket;
}

function answered(socket: Socket, hex: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const closed = (): void => reject(new Error('a healthy client was not let in'));
    socket.once('close', closed);
    socket.once('data', () => {
      socket.off('close', closed);
      resolve();
    });
    socket.write(fromHex(hex));
  });
}
