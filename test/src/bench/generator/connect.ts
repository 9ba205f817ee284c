import type { ConnectLoad, IdleLoad, Job, Measurement, RunResult } from '../load.js';
import { Acknowledgements } from './acknowledgements.js';
import type { Client, ClientOwner } from './client.js';
import { Crew } from './crew.js';
import { Histogram } from './histogram.js';
import { MIB, measure } from './meter.js';
import { Subscriber } from './subscriber.js';
import { PREFIX } from './topology.js';
import { noCounts } from './verdict.js';

/** A client that only comes and goes. */
class Visitor implements ClientOwner {
  readonly #crew: Crew;
  readonly #times: Histogram;

  constructor(crew: Crew, times: Histogram) {
    this.#crew = crew;
    this.#times = times;
    crew.add(this);
  }

  topicOf(): null {
    return null;
  }

  accepted(client: Client): void {
    this.#times.add((performance.now() - client.openedMs) * 1000);
    this.#crew.progress.touch();
  }

  message(): void {
    this.#crew.counts.misrouted++;
  }

  packet(_client: Client, first: number): void {
    this.#crew.fail(`a client that subscribed to nothing got a packet of type ${first >> 4}`);
  }

  readEnd(): void {}

  failed(_client: Client, reason: string): void {
    this.#crew.fail(reason);
  }

  closed(): void {
    this.#crew.noteClosed();
  }
}

/** Connects all clients and disconnects them, `cycles` times; processor time covers both. */
export async function runConnect(job: Job, load: ConnectLoad): Promise<RunResult> {
  const counts = noCounts();
  const crew = new Crew(job, counts);
  const times = new Histogram();
  for (let each = 0; each < load.clients; each++) new Visitor(crew, times);
  const meter = measure(job.brokerPid);
  let connectMs = 0;
  for (let cycle = 0; cycle < load.cycles && counts.failed === 0; cycle++) {
    const begun = performance.now();
    await crew.connect();
    connectMs += performance.now() - begun;
    await crew.disconnect();
  }
  const { cpuSeconds, memoryBytes, generatorCores } = meter.read();
  const total = load.clients * load.cycles;
  const measurement: Measurement = {
    row: '',
    headline: cpuSeconds === null ? null : (cpuSeconds / total) * 1e6,
    unit: 'CPU µs each',
    ratePerSecond: (total / connectMs) * 1000,
    p50Us: times.quantile(0.5),
    p99Us: times.quantile(0.99),
    lateP99Us: null,
    memoryMiB: memoryBytes === null ? null : memoryBytes / MIB,
    generatorCores,
  };
  return { measurements: counts.failed === 0 ? [measurement] : [], counts, verified: times.count };
}

/** Connects all clients, gives each a subscription, waits, and reads how much memory the broker has taken since before. */
export async function runIdle(job: Job, load: IdleLoad): Promise<RunResult> {
  const counts = noCounts();
  const crew = new Crew(job, counts);
  const acknowledgements = new Acknowledgements();
  const idle = Array.from({ length: load.clients }, (_, index) => new Subscriber(crew, acknowledgements, [`${PREFIX}/idle/${index}`], 0));
  const empty = measure(job.brokerPid).read().memoryBytes;
  const begun = performance.now();
  let measurements: Measurement[] = [];
  if (await crew.connect()) {
    const connectMs = performance.now() - begun;
    for (const { subscribing } of idle) subscribing.go();
    if (!(await crew.progress.until(() => idle.every(({ subscribing }) => subscribing.done), crew.remainingMs)))
      crew.fail('not all subscriptions were answered in time');
    const meter = measure(job.brokerPid);
    await crew.progress.until(() => counts.failed > 0, job.seconds * 1000);
    const { memoryBytes, generatorCores } = meter.read();
    const each = empty === null || memoryBytes === null ? null : (memoryBytes - empty) / load.clients / 1024;
    measurements = [
      {
        row: '',
        headline: each,
        unit: 'KiB each',
        ratePerSecond: (load.clients / connectMs) * 1000,
        p50Us: null,
        p99Us: null,
        lateP99Us: null,
        memoryMiB: memoryBytes === null ? null : memoryBytes / MIB,
        generatorCores,
      },
    ];
  }
  await crew.disconnect();
  return { measurements: counts.failed === 0 ? measurements : [], counts, verified: idle.filter(({ subscribing }) => subscribing.done).length };
}
