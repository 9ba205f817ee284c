import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openFiles, residentBytes, until } from '../fuzz/process-figures.js';
import type { BrokerProcess } from '../support/broker-process.js';
import type { Aim } from './aim.js';
import { ATTACKS } from './attacks.js';
import { startBroker } from './broker.js';
import { HealthyPairs } from './healthy-pairs.js';

const LIMIT_MS = 15_000;
const MEMORY_BYTES = 400 * 1024 * 1024;

interface Small {
  readonly scale: number;
  /** What the attack counts, and how many of it are enough. */
  readonly enough: readonly [name: string, count: number];
  /** What must have become of the attackers. */
  readonly bounded?: (counts: Readonly<Record<string, number>>) => void;
}

const none = (counts: Readonly<Record<string, number>>, ...names: readonly string[]): void => {
  for (const name of names) assert.equal(counts[name] ?? 0, 0, name);
};

/** Each attack, small enough for a test. */
const SMALL: Readonly<Record<string, Small>> = {
  bystander: { scale: 1, enough: ['bursts', 8] },
  'stalled-subscribers': { scale: 0.05, enough: ['published', 10], bounded: ({ stalled }) => assert.equal(stalled, 50) },
  'half-open': {
    scale: 0.02,
    enough: ['waited', 10],
    bounded: ({ opened, closedByBroker }) => assert.deepEqual([opened, closedByBroker], [100, 100]),
  },
  'plus-tree': { scale: 0.02, enough: ['published', 5000] },
  identifiers: { scale: 0.02, enough: ['published', 3000] },
  slashes: {
    scale: 0.003,
    enough: ['aliased', 12],
    bounded(counts) {
      // What is published and retained is refused, with its code where there is one; what is only subscribed to has its own.
      const { published = 0, retained = 0, aliased = 0 } = counts;
      assert.equal(counts.closedByBroker, published + retained + aliased);
      assert.deepEqual([counts.code90, counts.code94], [published, aliased]);
    },
  },
  fragments: { scale: 0.005, enough: ['pieces', 20_000], bounded: (counts) => none(counts, 'closedByBroker') },
  'websocket-fragments': { scale: 0.005, enough: ['pieces', 10_000] },
  'connect-flood': {
    scale: 0.01,
    enough: ['refused', 60],
    bounded: (counts) => {
      none(counts, 'unanswered');
      assert.ok((counts.refused ?? 0) >= 60 && (counts.accepted ?? 0) > 0);
    },
  },
  'login-flood': {
    scale: 0.1,
    enough: ['wrong', 20],
    bounded: (counts) => none(counts, 'accepted', 'notLetIn', 'unanswered'),
  },
  pings: { scale: 1, enough: ['bursts', 40], bounded: (counts) => none(counts, 'closedByBroker') },
  'unread-pings': { scale: 1, enough: ['bursts', 40] },
  'unknown-ids': { scale: 1, enough: ['bursts', 40], bounded: (counts) => none(counts, 'closedByBroker') },
  handshakes: { scale: 1, enough: ['bursts', 24], bounded: (counts) => none(counts, 'closedByBroker') },
  'retained-churn': { scale: 0.05, enough: ['asked', 80] },
  'subscription-churn': { scale: 1, enough: ['bursts', 40] },
  'many-filters': { scale: 1, enough: ['packets', 24] },
  'user-properties': { scale: 1, enough: ['code97', 4], bounded: (counts) => assert.ok((counts.closedByBroker ?? 0) >= 4) },
  'fresh-topics': { scale: 1, enough: ['bursts', 24], bounded: (counts) => none(counts, 'closedByBroker') },
};

describe('an attack on the broker', () => {
  let broker: BrokerProcess;
  let healthy: HealthyPairs;
  let files: number | null;

  before(async () => {
    broker = await startBroker({ connectTimeoutMs: 1000, maxSocketBufferBytes: 131_072 });
    healthy = await HealthyPairs.connect(broker.port('local'), 6);
    files = openFiles(broker.pid);
  });

  after(async () => {
    healthy.end();
    assert.equal(await broker.stop(), 0);
    assert.equal(/PCL_INVARIANT|PCL_PLUGIN|PCL_STORE/.test(broker.output), false, broker.output.slice(0, 2000));
  });

  it('is tried in every form that there is', () => {
    assert.deepEqual(Object.keys(SMALL).sort(), Object.keys(ATTACKS).sort());
  });

  for (const [name, small] of Object.entries(SMALL)) {
    it(`takes nothing from those who do nothing wrong, and leaves nothing behind: ${name}`, async () => {
      const aim = smallAim(broker, small);
      healthy.pace(200);
      await ATTACKS[name]?.(aim);
      healthy.pause();
      // All their messages come, one after the other, and nobody was cut off.
      await until(
        () => healthy.health.came === healthy.health.sent,
        () => healthy.health,
      );
      assert.deepEqual([healthy.health.disordered, healthy.health.lost], [0, 0]);
      small.bounded?.(aim.counts);
      if (files !== null) {
        await until(
          () => (openFiles(broker.pid) ?? 0) <= (files ?? 0),
          () => ({ before: files, now: openFiles(broker.pid) }),
        );
      }
      const memory = residentBytes(broker.pid) ?? 0;
      assert.ok(memory < MEMORY_BYTES, `${memory} bytes`);
    });
  }
});

function smallAim(broker: BrokerProcess, { scale, enough: [name, count] }: Small): Aim {
  const endsAt = performance.now() + LIMIT_MS;
  const counts: Record<string, number> = {};
  const running = (): boolean => (counts[name] ?? 0) < count && performance.now() < endsAt;
  return { port: broker.port('local'), webUrl: broker.url('web'), scale, counts, running };
}
