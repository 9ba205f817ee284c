import { randomInt } from 'node:crypto';
import type { Job, Measurement, PubSubLoad, RunResult } from '../load.js';
import { Acknowledgements } from './acknowledgements.js';
import { Crew } from './crew.js';
import { type Meter, MIB, measure } from './meter.js';
import { publishTemplate } from './packets.js';
import { Publisher } from './publisher.js';
import { Subscriber } from './subscriber.js';
import { payloadBytesOf, qosOf, topologyOf } from './topology.js';
import { noCounts } from './verdict.js';
import { World } from './world.js';

/** Quiet between subscribing and publishing, and at the end for copies that nobody expects any more. */
const SETTLE_MS = 100;
/** A run in which nothing has arrived for so long is over: what is under way is lost, and the windows never open again. */
const STALL_MS = 5000;
const DRAIN_MS = 10_000;
/** While what is under way arrives, the drain goes on. */
const DRAIN_STEP_MS = 1000;

/** Runs publishers and subscribers: warm-up, measurement, and the arrival of all that is under way. */
export async function runPubSub(job: Job, load: PubSubLoad): Promise<RunResult> {
  const counts = noCounts();
  const crew = new Crew(job, counts);
  const { world, publishers, subscribers } = assemble(crew, load);
  let measurements: Measurement[] = [];
  if ((await crew.connect()) && (await subscribe(crew, subscribers))) {
    await crew.progress.until(() => false, SETTLE_MS);
    const stop = start(world, publishers, load);
    const stalled = watchStalls(world, crew);
    const ended = (): boolean => counts.failed > 0;
    await crew.progress.until(ended, Math.min(job.warmupSeconds * 1000, crew.remainingMs));
    const meter = measure(job.brokerPid);
    world.measureFromMs = performance.now();
    const before = world.delivered;
    await crew.progress.until(ended, Math.min(job.seconds * 1000, crew.remainingMs));
    const delivered = world.delivered - before;
    measurements = measurementsOf(meter, world, load, delivered);
    stop();
    clearInterval(stalled);
    await drain(crew, world, publishers);
  }
  await crew.disconnect();
  return { measurements, counts, verified: world.delivered };
}

function assemble(crew: Crew, load: PubSubLoad): { world: World; publishers: Publisher[]; subscribers: Subscriber[] } {
  const topology = topologyOf(load);
  const run = randomInt(2 ** 32);
  const acknowledgements = new Acknowledgements();
  const receivers = topology.subscribers.map(({ filters, qos }) => new Subscriber(crew, acknowledgements, filters, qos));
  const publishers = Array.from({ length: load.publishers }, (_, index) => new Publisher(crew, index, load));
  const idle = topology.idle.map((filters) => new Subscriber(crew, acknowledgements, filters, 0));
  const own = new Int32Array(topology.streams.length);
  const templates = topology.streams.map(({ topic, publisher, subscriber }, stream) => {
    own[stream] = subscriber;
    publishers[publisher]?.addStream(stream);
    return publishTemplate({ topic, stream, run, qos: qosOf(load, publisher), payloadBytes: payloadBytesOf(load, publisher), retain: false });
  });
  const publisherOf = topology.streams.flatMap(({ publisher }) => publishers[publisher] ?? []);
  const everything = topology.subscribers.filter((each) => each.everything).length;
  const slots = templates.length * (1 + everything);
  const world = new World(crew.counts, templates, publisherOf, { slots, copies: topology.copies, run });
  let base = templates.length;
  receivers.forEach((receiver, index) => {
    if (topology.subscribers[index]?.everything === true) {
      receiver.enter(world, { base });
      base += templates.length;
    } else receiver.enter(world, { own, index });
  });
  for (const publisher of publishers) publisher.enter(world);
  return { world, publishers, subscribers: [...receivers, ...idle] };
}

async function subscribe(crew: Crew, subscribers: readonly Subscriber[]): Promise<boolean> {
  for (const { subscribing } of subscribers) subscribing.go();
  let done = 0;
  const all = (): boolean => {
    while (done < subscribers.length && subscribers[done]?.subscribing.done === true) done++;
    return done === subscribers.length || crew.counts.failed > 0;
  };
  if (!(await crew.progress.until(all, crew.remainingMs))) crew.fail('not all subscriptions were answered in time');
  return crew.counts.failed === 0;
}

/** Lets the publishers go; gives what ends it. */
function start(world: World, publishers: readonly Publisher[], load: PubSubLoad): () => void {
  world.publishing = true;
  if (load.ratePerSecond === null) for (const publisher of publishers) world.wake(publisher);
  else pace(world, publishers, load.ratePerSecond);
  return () => {
    world.publishing = false;
  };
}

/** Looks at the clock in every turn of the event loop, and never sleeps: a timer of Node is late by up to a millisecond. */
function pace(world: World, publishers: readonly Publisher[], ratePerSecond: number): void {
  const startMs = performance.now();
  const periodMs = 1000 / ratePerSecond;
  for (const publisher of publishers) publisher.pace = { startMs, periodMs, publishers: publishers.length };
  let next = 0;
  const turn = (): void => {
    if (!world.publishing) return;
    for (const now = performance.now(); startMs + next * periodMs <= now; next++) {
      const publisher = publishers[next % publishers.length];
      if (publisher === undefined) continue;
      publisher.owed++;
      publisher.publish();
    }
    setImmediate(turn);
  };
  turn();
}

function watchStalls(world: World, crew: Crew): NodeJS.Timeout {
  let delivered = world.delivered;
  return setInterval(() => {
    if (delivered === world.delivered) crew.fail(`nothing arrived for ${STALL_MS / 1000} s`);
    delivered = world.delivered;
  }, STALL_MS);
}

async function drain(crew: Crew, world: World, publishers: readonly Publisher[]): Promise<void> {
  const expected = world.published * world.copies;
  const unacknowledged = (): number => publishers.reduce((sum, publisher) => sum + publisher.unacknowledged, 0);
  const arrived = (): boolean => world.tracker.unique >= expected && unacknowledged() === 0;
  const limit = performance.now() + DRAIN_MS;
  for (let before = -1; before !== world.delivered && performance.now() < limit; ) {
    before = world.delivered;
    if (await crew.progress.until(arrived, DRAIN_STEP_MS)) break;
  }
  await crew.progress.until(() => false, SETTLE_MS);
  world.counts.lost += Math.max(0, expected - world.tracker.unique);
  if (unacknowledged() > 0) crew.fail(`${unacknowledged()} publishes were not acknowledged`);
}

function measurementsOf(meter: Meter, world: World, load: PubSubLoad, delivered: number): Measurement[] {
  const { seconds, cpuSeconds, memoryBytes, generatorCores } = meter.read();
  // At full speed a message mostly waits for those before it: that time says how many the windows hold, not how fast a broker is.
  const paced = load.ratePerSecond !== null;
  const p50Us = paced ? world.latency.quantile(0.5) : null;
  const p99Us = paced ? world.latency.quantile(0.99) : null;
  const beside = {
    ratePerSecond: delivered / seconds,
    p50Us,
    p99Us,
    lateP99Us: paced ? world.lag.quantile(0.99) : null,
    memoryMiB: memoryBytes === null ? null : memoryBytes / MIB,
    generatorCores,
  };
  // None at all means less than the clock can show, after a broker that stood still.
  const perMillion = cpuSeconds === null || cpuSeconds <= 0 || delivered === 0 ? null : (cpuSeconds / delivered) * 1e6;
  const cpu: Measurement = { row: '', headline: perMillion, unit: 'CPU s/M deliveries', ...beside };
  if (!paced) return [cpu];
  return [cpu, { row: 'p50', headline: p50Us, unit: 'µs', ...beside }, { row: 'p99', headline: p99Us, unit: 'µs', ...beside }];
}
