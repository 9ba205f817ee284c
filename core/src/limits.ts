/** One named bound: its default, its unit and why it is what it is. */
export interface LimitSpec {
  readonly default: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly unit: 'bytes' | 'milliseconds' | 'seconds' | 'count';
  readonly reason: string;
}

const limit = (value: number, minimum: number, maximum: number, unit: LimitSpec['unit'], reason: string): LimitSpec => ({
  default: value,
  minimum,
  maximum,
  unit,
  reason,
});

const MIB = 1024 * 1024;

/** Every bound of the broker. Each can be set under `limits` in plugins.json. */
export const LIMITS = {
  maxPacketBytes: limit(MIB, 256, 268_435_460, 'bytes', 'Greatest packet a client may send after it was accepted.'),
  preAuthBytes: limit(65_536, 1024, MIB, 'bytes', 'Bytes of a connection that wait before its CONNECT is accepted, the CONNECT included.'),
  connectTimeoutMs: limit(10_000, 100, 600_000, 'milliseconds', 'Time from accept to CONNACK.'),
  maxConnections: limit(15_000, 1, 1_000_000, 'count', 'Connections of all listeners together.'),
  maxTopicLevels: limit(128, 1, 65_535, 'count', 'Levels of a topic name or filter; deep topics cost time at every match.'),
  maxUserProperties: limit(64, 0, 10_000, 'count', 'User properties of one packet.'),
  maxFiltersPerPacket: limit(1024, 1, 65_535, 'count', 'Topic filters of one SUBSCRIBE or UNSUBSCRIBE.'),
  maxSubscriptions: limit(20_000, 1, 10_000_000, 'count', 'Subscriptions of one session.'),
  maxSubscriptionBytes: limit(4 * MIB, 1024, 1024 * MIB, 'bytes', 'Topic filters of one session together.'),
  topicAliasMaximum: limit(64, 0, 65_535, 'count', 'Topic aliases that a client may set up on one connection.'),
  receiveMaximum: limit(
    1024,
    1,
    65_535,
    'count',
    'QoS 1 and 2 messages of a 5.0 client that the broker holds unacknowledged; those of a 3.x client are bounded by maxQueuedBytes.',
  ),
  maxInflight: limit(
    1024,
    1,
    65_535,
    'count',
    'QoS 1 and 2 messages that the broker sends before a client acknowledges; the client may ask for fewer.',
  ),
  maxQueuedMessages: limit(10_000, 0, 10_000_000, 'count', 'Messages that wait for one session; newer ones are dropped.'),
  maxQueuedBytes: limit(
    16 * MIB,
    0,
    16_384 * MIB,
    'bytes',
    'Bytes that wait for one session, and of one that outlives its connection also those that it was sent and has not acknowledged; newer messages are dropped. As many of its own QoS 2 messages may wait for their PUBREL.',
  ),
  maxTotalQueuedBytes: limit(512 * MIB, 0, 1_048_576 * MIB, 'bytes', 'Bytes that wait for all sessions together; newer messages are dropped.'),
  maxSocketBufferBytes: limit(
    4 * MIB,
    65_536,
    1024 * MIB,
    'bytes',
    'Bytes written to a socket that the peer has not read; beyond, QoS 0 is dropped and QoS 1 and 2 are queued.',
  ),
  slowConsumerTimeoutMs: limit(
    60_000,
    100,
    3_600_000,
    'milliseconds',
    'How long a peer may leave a full socket buffer unread before its connection is closed.',
  ),
  maxRetainedMessages: limit(1_000_000, 0, 100_000_000, 'count', 'Retained messages; further topics are not retained.'),
  maxRetainedBytes: limit(512 * MIB, 0, 1_048_576 * MIB, 'bytes', 'Bytes of retained messages; further ones are not retained.'),
  maxSessions: limit(1_000_000, 1, 100_000_000, 'count', 'Sessions, connected or not.'),
  maxPendingAcknowledgements: limit(
    4096,
    16,
    1_000_000,
    'count',
    'Acknowledgements of one connection that wait for the store before its socket is no longer read.',
  ),
  maxTopicAliasBytes: limit(262_144, 1024, 64 * MIB, 'bytes', 'Topics behind the aliases of one connection together.'),
  maxPendingDeliveries: limit(
    1000,
    1,
    1_000_000,
    'count',
    'Copies for one receiver that wait for an asynchronous answer; their bytes are bounded by maxQueuedBytes.',
  ),
  maxWaitMs: limit(60_000, 1000, 3_600_000, 'milliseconds', 'Time that one packet of a connection may wait for answers of plugins in all.'),
  maxTopicCacheEntries: limit(65_536, 16, 10_000_000, 'count', 'Topics whose route is remembered; the memory is emptied when full.'),
  maxCachedTopicBytes: limit(512, 16, 65_535, 'bytes', 'Longest topic whose route is remembered; longer ones are looked up each time.'),
  maxRouteTargets: limit(
    1_000_000,
    1000,
    100_000_000,
    'count',
    'Subscriptions in all remembered routes of a tenant; the memory is emptied when full.',
  ),
  hashConcurrency: limit(2, 1, 64, 'count', 'Password hashes that are computed at the same time.'),
  hashQueue: limit(200, 0, 100_000, 'count', 'Password hashes that wait; further logins are refused as busy.'),
  newsQueue: limit(10_000, 1, 10_000_000, 'count', 'News that wait for one observing plugin; further ones are dropped and counted.'),
  pluginStartMs: limit(30_000, 100, 3_600_000, 'milliseconds', 'Time that the start of a plugin may take.'),
  pluginTimers: limit(10_000, 1, 1_000_000, 'count', 'Timers of one plugin.'),
  pluginMetrics: limit(1000, 0, 100_000, 'count', 'Counters and gauges of one plugin.'),
  maxWebSocketFrameBytes: limit(MIB, 1024, 268_435_460, 'bytes', 'Greatest WebSocket message.'),
} as const satisfies Record<string, LimitSpec>;

export type LimitName = keyof typeof LIMITS;
export type Limits = { readonly [Name in LimitName]: number };

/** The limits with some of them set. Values are not checked here: the configuration room does that. */
export function makeLimits(set: Partial<Limits> = {}): Limits {
  const limits = Object.fromEntries(Object.entries(LIMITS).map(([name, spec]) => [name, spec.default])) as unknown as Record<LimitName, number>;
  return Object.freeze(Object.assign(limits, set));
}
