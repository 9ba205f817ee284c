import type { Counts } from './generator/verdict.js';

/** Quality of service of the publishers; `mixed` gives each third of them one level. */
export type LoadQos = 0 | 1 | 2 | 'mixed';

/** Messages from publishers to subscribers, as fast as windows allow or at a given rate. */
export interface PubSubLoad {
  readonly kind: 'pubsub';
  readonly publishers: number;
  readonly subscribers: number;
  /** `pairs`: a publisher's messages go to one subscriber. `all`: to every one. `filters`: topics are drawn at random from `filters` subscribed ones. */
  readonly pattern: 'pairs' | 'all' | 'filters';
  /** How subscribers name what they want: each topic, one level open, or everything. */
  readonly filter: 'exact' | 'plus' | 'hash';
  /** A publisher takes its topics in turn. */
  readonly topicsPerPublisher: number;
  readonly qos: LoadQos;
  /** `mixed` is 64, 256 or 1024, by publisher. */
  readonly payloadBytes: number | 'mixed';
  /** Undelivered messages that a publisher may have; 0 is no limit, and then there must be a rate. */
  readonly window: number;
  /** A publisher sends when it may send as many as this. */
  readonly batch: number;
  /** Unacknowledged QoS 1 and 2 messages of a publisher. */
  readonly inflight: number;
  /** Messages per second of all publishers together; null is as fast as the windows allow. */
  readonly ratePerSecond: number | null;
  /** Subscribers in addition, of everything, with QoS 0. */
  readonly monitors: number;
  /** Subscriptions for the pattern `filters`. */
  readonly filters: number;
  /** Connected clients that get nothing, each with one subscription, or their share of `idleSubscriptions`. */
  readonly idleConnections: number;
  readonly idleSubscriptions: number;
}

/** Clients that connect, and disconnect when all are there, over and over. */
export interface ConnectLoad {
  readonly kind: 'connect';
  readonly clients: number;
  readonly cycles: number;
}

/** Retained messages: stored once with QoS 1, then received by one wildcard subscriber after the other. */
export interface RetainedLoad {
  readonly kind: 'retained';
  readonly messages: number;
  readonly receivers: number;
  readonly payloadBytes: number;
}

/** Connections with one subscription each, and what they cost in memory while nothing happens. */
export interface IdleLoad {
  readonly kind: 'idle';
  readonly clients: number;
}

export type Load = PubSubLoad | ConnectLoad | RetainedLoad | IdleLoad;

/** Who the clients say they are; with more than one user they take turns. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

export const TRANSPORTS = ['tcp', 'ws', 'tls', 'wss'] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** Where the load goes. */
export interface Target {
  readonly port: number;
  readonly transport: Transport;
  /** PEM text of the certificate that the broker shows; for `tls` and `wss`. */
  readonly certificate: string | null;
}

/** What one process of the generator is told. Times are in seconds. */
export interface Job {
  readonly load: Load;
  readonly target: Target;
  /** Empty: clients connect without a username. */
  readonly logins: readonly Login[];
  /** The broker's process, its children belong to it; null when nothing can be read about it. */
  readonly brokerPid: number | null;
  readonly warmupSeconds: number;
  readonly seconds: number;
  readonly deadlineSeconds: number;
}

/** One line of a table, as one run saw it. Null is what could not be measured. */
export interface Measurement {
  /** Set apart from other lines of the same run; empty for the only one. */
  readonly row: string;
  /** What is compared; lower is better. */
  readonly headline: number | null;
  readonly unit: string;
  readonly ratePerSecond: number | null;
  readonly p50Us: number | null;
  readonly p99Us: number | null;
  /** How late the generator itself sent what was due; latencies below this are its own. */
  readonly lateP99Us: number | null;
  readonly memoryMiB: number | null;
  /** Processor time of the generator over the time of the measurement; near 1, it was the limit. */
  readonly generatorCores: number | null;
}

/** What one run found. */
export interface RunResult {
  readonly measurements: readonly Measurement[];
  readonly counts: Counts;
  /** Deliveries that were looked at, or logins where nothing is delivered. */
  readonly verified: number;
}
