import { randomInt } from 'node:crypto';
import type { Job, Measurement, RetainedLoad, RunResult } from '../load.js';
import { Acknowledgements } from './acknowledgements.js';
import type { Client, ClientOwner } from './client.js';
import { Crew, Subscribing } from './crew.js';
import { MIB, measure, type Usage } from './meter.js';
import type { PacketReader } from './packet-reader.js';
import { PUBACK, type PublishTemplate, publishTemplate, writePublish } from './packets.js';
import { PREFIX } from './topology.js';
import { noCounts } from './verdict.js';
import { FRAME_ROOM } from './web-socket.js';

/** PUBLISH packets without PUBACK, and how many are written at once. */
const INFLIGHT = 20;
const BATCH = 10;
const TOPICS_PER_LEVEL = 100;
const RETAIN = 1;

/** Stores every message of the templates, in order. */
class Storer implements ClientOwner {
  readonly client: Client;
  readonly #crew: Crew;
  readonly #templates: readonly PublishTemplate[];
  #sent = 0;
  acknowledged = 0;

  constructor(crew: Crew, templates: readonly PublishTemplate[]) {
    this.#crew = crew;
    this.#templates = templates;
    this.client = crew.add(this);
  }

  store(): void {
    for (;;) {
      const count = Math.min(BATCH, this.#templates.length - this.#sent);
      if (count === 0 || this.#sent + count - this.acknowledged > INFLIGHT) return;
      const batch = this.#templates.slice(this.#sent, this.#sent + count);
      const buffer = Buffer.allocUnsafeSlow(batch.reduce((sum, { bytes }) => sum + bytes.length, FRAME_ROOM));
      let end = FRAME_ROOM;
      for (const template of batch) end = writePublish(buffer, end, template, 1 + (this.#sent++ % INFLIGHT), 0, performance.now());
      this.client.sendFrom(buffer, end);
    }
  }

  topicOf(): null {
    return null;
  }

  accepted(): void {
    this.#crew.progress.touch();
  }

  message(): void {
    this.#crew.counts.misrouted++;
  }

  packet(_client: Client, first: number, bytes: Buffer, from: number): void {
    const packetId = ((bytes[from] ?? 0) << 8) | (bytes[from + 1] ?? 0);
    // A broker that acknowledges in order, as it must, acknowledges this one.
    if (first === PUBACK && packetId === 1 + (this.acknowledged % INFLIGHT) && this.acknowledged < this.#sent) this.acknowledged++;
    else this.#crew.fail(`a publisher got a packet of type ${first >> 4} that nothing asked for`);
  }

  readEnd(): void {
    this.store();
    this.#crew.progress.touch();
  }

  failed(_client: Client, reason: string): void {
    this.#crew.fail(reason);
  }

  closed(): void {
    this.#crew.noteClosed();
  }
}

/** Subscribes to everything and gets every retained message once. */
class Receiver implements ClientOwner {
  readonly client: Client;
  readonly subscribing: Subscribing;
  readonly #crew: Crew;
  readonly #templates: readonly PublishTemplate[];
  readonly #run: number;
  readonly #seen: Uint8Array;
  readonly #acknowledgements = new Acknowledgements();
  received = 0;

  constructor(crew: Crew, templates: readonly PublishTemplate[], run: number) {
    this.#crew = crew;
    this.#templates = templates;
    this.#run = run;
    this.#seen = new Uint8Array(templates.length);
    this.client = crew.add(this);
    this.subscribing = new Subscribing(this.client, [`${PREFIX}/#`], 1, crew);
  }

  topicOf(stream: number): Uint8Array | null {
    return this.#templates[stream]?.topic ?? null;
  }

  accepted(): void {
    this.#crew.progress.touch();
  }

  message(client: Client, reader: PacketReader): void {
    const { counts } = this.#crew;
    const qos = (reader.first >> 1) & 3;
    if (qos === 1) this.#acknowledgements.add(client, PUBACK, reader.packetId);
    const template = this.#templates[reader.stream];
    const asSent = template !== undefined && reader.run === this.#run && reader.topicMatches && reader.payloadBytes === template.payloadBytes;
    if (!asSent || qos !== 1 || (reader.first & RETAIN) === 0) counts.altered++;
    if (template === undefined) return;
    if (this.#seen[reader.stream] === 1) counts.duplicates++;
    else {
      this.#seen[reader.stream] = 1;
      this.received++;
    }
  }

  packet(_client: Client, first: number, bytes: Buffer, from: number, length: number): void {
    if (!this.subscribing.took(first, bytes, from, length)) this.#crew.fail(`a subscriber got a packet of type ${first >> 4} that nothing asked for`);
  }

  readEnd(client: Client): void {
    this.#acknowledgements.flush(client);
    this.#crew.progress.touch();
  }

  failed(_client: Client, reason: string): void {
    this.#crew.fail(reason);
  }

  closed(): void {
    this.#crew.noteClosed();
  }
}

/** Stores retained messages, then lets one receiver after the other fetch all of them with QoS 1. */
export async function runRetained(job: Job, load: RetainedLoad): Promise<RunResult> {
  const counts = noCounts();
  const crew = new Crew(job, counts);
  const run = randomInt(2 ** 32);
  const templates = Array.from({ length: load.messages }, (_, stream) => {
    const topic = `${PREFIX}/${Math.floor(stream / TOPICS_PER_LEVEL)}/${stream % TOPICS_PER_LEVEL}/value`;
    return publishTemplate({ topic, stream, run, qos: 1, payloadBytes: load.payloadBytes, retain: true });
  });
  const storer = new Storer(crew, templates);
  const receivers = Array.from({ length: load.receivers }, () => new Receiver(crew, templates, run));
  const measurements: Measurement[] = [];
  if (await crew.connect()) {
    const storing = measure(job.brokerPid);
    storer.store();
    const stored = (): boolean => storer.acknowledged === load.messages || counts.failed > 0;
    if (!(await crew.progress.until(stored, crew.remainingMs))) crew.fail('not all retained messages were acknowledged in time');
    measurements.push(measurementOf('store', storing.read(), load.messages));
    const receiving = measure(job.brokerPid);
    for (const receiver of receivers) {
      receiver.subscribing.go();
      const complete = (): boolean => receiver.received === load.messages || counts.failed > 0;
      // A receiver that gets no more for so long has lost the rest.
      for (let before = -1; before !== receiver.received && !complete(); ) {
        before = receiver.received;
        await crew.progress.until(complete, Math.min(2000, crew.remainingMs));
      }
      counts.lost += load.messages - receiver.received;
    }
    measurements.push(measurementOf('receive', receiving.read(), load.messages * load.receivers));
  }
  await crew.disconnect();
  return { measurements: counts.failed === 0 ? measurements : [], counts, verified: receivers.reduce((sum, { received }) => sum + received, 0) };
}

function measurementOf(row: string, { seconds, cpuSeconds, memoryBytes, generatorCores }: Usage, messages: number): Measurement {
  return {
    row,
    headline: cpuSeconds === null ? null : (cpuSeconds / messages) * 1e6,
    unit: row === 'store' ? 'CPU s/M stored' : 'CPU s/M deliveries',
    ratePerSecond: messages / seconds,
    p50Us: null,
    p99Us: null,
    lateP99Us: null,
    memoryMiB: memoryBytes === null ? null : memoryBytes / MIB,
    generatorCores,
  };
}
