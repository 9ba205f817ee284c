import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type RunningBroker, startBroker } from './broker-run.js';
import { portcullis } from './contestants.js';
import { runJob } from './generator/run-job.js';
import type { Load, Login, Transport } from './load.js';
import { SCENARIOS, type Step } from './scenarios.js';

const START_SECONDS = 30;

/** The same load with few clients and few messages. */
function small(load: Load): Load {
  const few = (count: number, most: number): number => Math.min(count, most);
  switch (load.kind) {
    case 'pubsub':
      return {
        ...load,
        publishers: few(load.publishers, 5),
        subscribers: few(load.subscribers, 5),
        filters: few(load.filters, 500),
        ratePerSecond: load.ratePerSecond === null ? null : few(load.ratePerSecond, 500),
        idleConnections: few(load.idleConnections, 5),
        idleSubscriptions: few(load.idleSubscriptions, 1000),
      };
    case 'connect':
      return { ...load, clients: few(load.clients, 20), cycles: 2 };
    case 'retained':
      return { ...load, messages: 500 };
    case 'idle':
      return { ...load, clients: 20 };
  }
}

async function tryStep(step: Step, broker: RunningBroker, logins: readonly Login[]): Promise<void> {
  const load = small(step.load);
  const { counts, measurements, verified } = await runJob({
    load,
    target: broker.target,
    logins,
    brokerPid: broker.pid,
    warmupSeconds: 0.02,
    seconds: 0.15,
    deadlineSeconds: 60,
  });
  assert.deepEqual(counts, { lost: 0, duplicates: 0, reordered: 0, misrouted: 0, altered: 0, failed: 0, reasons: [] });
  assert.ok(measurements.length > 0);
  assert.ok(verified > 0);
}

describe('every scenario, with few clients', () => {
  /** One broker for all that differ in their load only. */
  const brokers = new Map<string, RunningBroker>();

  before(async () => {
    for (const users of ['none', 'one', 'many'] as const)
      brokers.set(users, await startBroker(portcullis(), { label: '', load: { kind: 'idle', clients: 1 }, rules: 200, users }, 'tcp', START_SECONDS));
  });

  after(async () => {
    for (const broker of brokers.values()) await broker.stop();
  });

  for (const scenario of SCENARIOS) {
    // Steps of a series differ in sizes that are made small here.
    const step = scenario.steps.at(-1);
    it(`${scenario.name} finds nothing lost, twice, out of order or refused`, async () => {
      assert.ok(step !== undefined);
      const broker = brokers.get(step.users);
      assert.ok(broker !== undefined);
      await tryStep(step, broker, broker.files.logins);
    });
  }
});

describe('every transport', () => {
  const step = SCENARIOS.find(({ name }) => name === 'mixed')?.steps[0];

  for (const transport of ['ws', 'tls', 'wss'] satisfies Transport[])
    it(`${transport} carries the same messages`, async () => {
      assert.ok(step !== undefined);
      const broker = await startBroker(portcullis(), step, transport, START_SECONDS);
      try {
        await tryStep(step, broker, broker.files.logins);
        const large = SCENARIOS.find(({ name }) => name === 'large')?.steps[0];
        assert.ok(large !== undefined);
        await tryStep(large, broker, broker.files.logins);
      } finally {
        await broker.stop();
      }
    });
});

describe('the table of scenarios', () => {
  it('keeps the traffic of a growth series the same, so that only what grows can cost', () => {
    for (const { name, steps, growth } of SCENARIOS) {
      if (!growth) continue;
      const [first] = steps;
      assert.ok(steps.length >= 3 && first?.load.kind === 'pubsub');
      for (const { load } of steps)
        assert.deepEqual({ ...load, idleConnections: 0, idleSubscriptions: 0 }, { ...first.load, idleConnections: 0, idleSubscriptions: 0 }, name);
    }
  });

  it('limits what is under way in every load: by windows, or by a rate', () => {
    for (const { name, steps } of SCENARIOS)
      for (const { load } of steps)
        if (load.kind === 'pubsub') assert.ok(load.ratePerSecond !== null || (load.window > 0 && load.batch <= load.window), name);
  });
});
