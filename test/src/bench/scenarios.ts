import type { Load, PubSubLoad } from './load.js';

/** One run: a load, and what is special about the broker that it is put on. */
export interface Step {
  /** What differs from the other steps of its scenario; empty for the only one. */
  readonly label: string;
  readonly load: Load;
  /** Rules of the access list; the last alone allows what the benchmark does. */
  readonly rules: number;
  /** `none`: anonymous clients. `one`: all are the same user. `many`: a hundred users take turns. */
  readonly users: 'none' | 'one' | 'many';
}

export interface Scenario {
  readonly name: string;
  readonly description: string;
  readonly steps: readonly Step[];
  /** Whether what is compared is how the cost grows from the first step on. */
  readonly growth: boolean;
  /** Whether `--transport` concerns it. */
  readonly anyTransport: boolean;
}

const RULES = 200;

const PAIRS: PubSubLoad = {
  kind: 'pubsub',
  publishers: 100,
  subscribers: 100,
  pattern: 'pairs',
  filter: 'exact',
  topicsPerPublisher: 1,
  qos: 0,
  payloadBytes: 64,
  window: 64,
  batch: 32,
  inflight: 20,
  ratePerSecond: null,
  monitors: 0,
  filters: 0,
  idleConnections: 0,
  idleSubscriptions: 0,
};

/** With acknowledgements a publisher has at most 20 messages under way, and sends ten at a time. */
const ACKNOWLEDGED = { batch: 10 } as const;
const PACED = { window: 0, batch: 1 } as const;

function step(load: Load, more: Partial<Step> = {}): Step {
  return { label: '', load, rules: RULES, users: 'one', ...more };
}

function pubSub(name: string, description: string, load: Partial<PubSubLoad>): Scenario {
  return { name, description, steps: [step({ ...PAIRS, ...load })], growth: false, anyTransport: true };
}

function other(name: string, description: string, only: Step): Scenario {
  return { name, description, steps: [only], growth: false, anyTransport: false };
}

function growth(name: string, description: string, sizes: readonly number[], stepOf: (size: number) => Step): Scenario {
  const steps = sizes.map((size) => ({ ...stepOf(size), label: size.toLocaleString('en') }));
  return { name, description, steps, growth: true, anyTransport: true };
}

/** Messages whose topics take turns: each is looked up by itself, so that what a look-up costs is most of what is measured. */
const TURNS: PubSubLoad = { ...PAIRS, topicsPerPublisher: 10, filter: 'plus' };

export const SCENARIOS: readonly Scenario[] = [
  pubSub('fanin-q0', '50 publishers, one subscriber of everything', {
    publishers: 50,
    subscribers: 1,
    pattern: 'all',
    filter: 'hash',
    window: 16,
    batch: 8,
  }),
  pubSub('fanout-q0', 'one publisher, 500 subscribers', { publishers: 1, subscribers: 500, pattern: 'all', window: 32, batch: 16 }),
  pubSub('pairs-q0', '100 publishers, each with a subscriber of its own, QoS 0', {}),
  pubSub('pairs-q1', 'the same with QoS 1', { qos: 1, ...ACKNOWLEDGED }),
  pubSub('pairs-q2', 'the same with QoS 2', { qos: 2, ...ACKNOWLEDGED }),
  pubSub('fanout-q1', 'one publisher, 500 subscribers, QoS 1', {
    publishers: 1,
    subscribers: 500,
    pattern: 'all',
    qos: 1,
    window: 32,
    ...ACKNOWLEDGED,
  }),
  pubSub('mixed', '60 pairs with QoS 0, 1 and 2, payloads of 64 to 1024 bytes, wildcards, and 2 subscribers of everything', {
    publishers: 60,
    subscribers: 60,
    filter: 'plus',
    qos: 'mixed',
    payloadBytes: 'mixed',
    monitors: 2,
    window: 32,
    ...ACKNOWLEDGED,
  }),
  pubSub('telemetry', '100 publishers that change the topic with every message, 5 wildcard subscribers, 128 bytes', {
    subscribers: 5,
    filter: 'plus',
    topicsPerPublisher: 50,
    payloadBytes: 128,
    window: 16,
    batch: 8,
  }),
  pubSub('match-100k', '100,000 topic filters, topics at random', { publishers: 10, subscribers: 10, pattern: 'filters', filters: 100_000 }),
  pubSub('pairs-single', '100 pairs, one message under way in each: every message has a read and a write of its own', { window: 1, batch: 1 }),
  pubSub('fanout-paced', '100 messages per second to 500 subscribers', {
    publishers: 1,
    subscribers: 500,
    pattern: 'all',
    ratePerSecond: 100,
    ...PACED,
  }),
  pubSub('fanin-paced', '500 publishers with 20,000 messages per second, one subscriber', {
    publishers: 500,
    subscribers: 1,
    pattern: 'all',
    filter: 'hash',
    ratePerSecond: 20_000,
    ...PACED,
  }),
  pubSub('large', '20 pairs, 64 KiB', { publishers: 20, subscribers: 20, payloadBytes: 65_536, window: 4, batch: 2 }),
  pubSub('latency-paced', '100 pairs, QoS 1, 5,000 messages per second', { qos: 1, ratePerSecond: 5000, ...PACED }),
  other('connect', '5,000 anonymous clients connect and disconnect, 4 times', step({ kind: 'connect', clients: 5000, cycles: 4 }, { users: 'none' })),
  other('connect-auth', 'the same with 100 users and their passwords', step({ kind: 'connect', clients: 5000, cycles: 4 }, { users: 'many' })),
  other('retained', '50,000 retained messages, stored and then fetched by 3 subscribers', {
    ...step({ kind: 'retained', messages: 50_000, receivers: 3, payloadBytes: 64 }),
  }),
  other('idle-memory', '10,000 connections with one subscription each', step({ kind: 'idle', clients: 10_000 })),
  growth('growth-connections', '5 pairs among 10, 1,000 and 10,000 connections', [10, 1000, 10_000], (size) =>
    step({ ...TURNS, publishers: 5, subscribers: 5, idleConnections: size - 10 }),
  ),
  growth('growth-subscriptions', '100 pairs among 100, 10,000 and 1,000,000 subscriptions', [100, 10_000, 1_000_000], (size) =>
    step({ ...TURNS, idleConnections: size > 100 ? 100 : 0, idleSubscriptions: size - 100 }),
  ),
  growth('growth-rules', '100 pairs under 2, 20, 200 and 2,000 rules', [2, 20, 200, 2000], (size) => step(TURNS, { rules: size })),
];

/** What runs when nothing is named. */
export const SHORT: readonly string[] = ['fanin-q0', 'fanout-q0', 'pairs-q0', 'pairs-q1', 'telemetry', 'pairs-single', 'latency-paced', 'connect'];
