import type { PubSubLoad } from '../load.js';

/** Everything that the traffic of a benchmark happens below; the last rule of the access list allows it. */
export const PREFIX = 'bench';
const MIXED_PAYLOADS = [64, 256, 1024] as const;
const FILTERS_PER_LEVEL = 1000;

/** Messages of one publisher on one topic, in order. */
export interface Stream {
  readonly topic: string;
  readonly publisher: number;
  /** The one subscriber that gets them, beside those that get everything; -1 when there is none. */
  readonly subscriber: number;
}

export interface Subscription {
  readonly filters: readonly string[];
  readonly qos: number;
  /** Gets the messages of every stream, not only its own. */
  readonly everything: boolean;
}

/** Who publishes what and who subscribes to what. */
export interface Topology {
  readonly streams: readonly Stream[];
  readonly subscribers: readonly Subscription[];
  /** Subscriptions of clients that get nothing. */
  readonly idle: readonly (readonly string[])[];
  /** Receivers of each message. */
  readonly copies: number;
}

export function qosOf(load: PubSubLoad, publisher: number): number {
  return load.qos === 'mixed' ? publisher % 3 : load.qos;
}

export function payloadBytesOf(load: PubSubLoad, publisher: number): number {
  return load.payloadBytes === 'mixed' ? (MIXED_PAYLOADS[publisher % MIXED_PAYLOADS.length] ?? 64) : load.payloadBytes;
}

export function topologyOf(load: PubSubLoad): Topology {
  const streams = load.pattern === 'filters' ? filterStreams(load) : topicStreams(load);
  const qos = load.qos === 'mixed' ? 2 : load.qos;
  const everything = load.pattern === 'all';
  const wanted: string[][] = Array.from({ length: load.subscribers }, () => []);
  if (everything)
    for (const filters of wanted) filters.push(...(load.filter === 'exact' ? streams.map(({ topic }) => topic) : [openFilter(load, PREFIX, '+/+')]));
  else if (load.pattern === 'pairs' && load.filter !== 'exact')
    for (let each = 0; each < load.publishers; each++) wanted[each % load.subscribers]?.push(openFilter(load, `${PREFIX}/${each}`, '+'));
  else for (const [index, { subscriber, topic }] of streams.entries()) wanted[subscriber]?.push(load.pattern === 'filters' ? filterOf(index) : topic);
  const subscribers = wanted.map((filters) => ({ filters, qos, everything }));
  for (let each = 0; each < load.monitors; each++) subscribers.push({ filters: [`${PREFIX}/#`], qos: 0, everything: true });
  return { streams, subscribers, idle: idleFilters(load), copies: (everything ? load.subscribers : 1) + load.monitors };
}

function openFilter(load: PubSubLoad, below: string, plus: string): string {
  return `${below}/${load.filter === 'plus' ? plus : '#'}`;
}

function topicStreams(load: PubSubLoad): Stream[] {
  const streams: Stream[] = [];
  for (let publisher = 0; publisher < load.publishers; publisher++)
    for (let topic = 0; topic < load.topicsPerPublisher; topic++)
      streams.push({ topic: `${PREFIX}/${publisher}/${topic}`, publisher, subscriber: load.pattern === 'all' ? -1 : publisher % load.subscribers });
  return streams;
}

/** Of ten filters seven are exact, and of the rest one each ends in `+`, ends in `#`, and has `+` in its middle. */
function filterOf(index: number): string {
  const [group, place] = [Math.floor(index / FILTERS_PER_LEVEL), index % FILTERS_PER_LEVEL];
  if (index % 10 === 7) return `${PREFIX}/f/${group}/${place}/+`;
  if (index % 10 === 8) return `${PREFIX}/f/${group}/${place}/#`;
  if (index % 10 === 9) return `${PREFIX}/f/+/${place}-${index}/value`;
  return `${PREFIX}/f/${group}/${place}/value`;
}

/** A topic for each filter, which that one alone matches. */
function filterStreams(load: PubSubLoad): Stream[] {
  return Array.from({ length: load.filters }, (_, index) => {
    const [group, place] = [Math.floor(index / FILTERS_PER_LEVEL), index % FILTERS_PER_LEVEL];
    const level = index % 10 === 9 ? `${place}-${index}` : `${place}`;
    return { topic: `${PREFIX}/f/${group}/${level}/value`, publisher: index % load.publishers, subscriber: index % load.subscribers };
  });
}

/** The same mix of filters, below names that nobody publishes to; those with `+` first are met by every topic's search all the same. */
function idleFilters(load: PubSubLoad): string[][] {
  const clients = load.idleConnections;
  const total = Math.max(load.idleSubscriptions, clients);
  return Array.from({ length: clients }, (_, client) => {
    const own = Math.floor(total / clients) + (client < total % clients ? 1 : 0);
    return Array.from({ length: own }, (_, index) => {
      const name = `${client}-${index}`;
      if (index % 10 === 7) return `${PREFIX}/idle/${name}/+`;
      if (index % 10 === 8) return `${PREFIX}/idle/${name}/#`;
      if (index % 10 === 9) return `${PREFIX}/+/idle-${name}`;
      return `${PREFIX}/idle/${name}`;
    });
  });
}
