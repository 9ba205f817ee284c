/** One named bound: its default, its unit and why it is what it is. */
export interface LimitSpec extends BoundSpec {
  readonly default: number;
}

/** A bound that is not there unless it is set. */
export interface BoundSpec {
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

const bound = (minimum: number, maximum: number, unit: BoundSpec['unit'], reason: string): BoundSpec => ({ minimum, maximum, unit, reason });

const MIB = 1024 * 1024;

/** Every bound of the broker. Each can be set under `limits` in plugins.json. */
export const LIMITS = {
  maxPacketBytes: limit(MIB, 256, 268_435_460, 'bytes', 'Greatest packet a client may send after it was accepted.'),
  preAuthBytes: limit(
    131_072,
    1024,
    MIB,
    'bytes',
    'Bytes of a connection that wait before its CONNECT is accepted, the CONNECT included; the longest username fits, so that it gets an answer.',
  ),
  maxUsernameBytes: limit(
    4096,
    16,
    65_535,
    'bytes',
    'Longest username; a longer one is refused as an unknown one is, before a plugin is asked or a password is hashed.',
  ),
  maxPreAuthTotalBytes: limit(
    64 * MIB,
    1024,
    16_384 * MIB,
    'bytes',
    'Bytes of all connections that wait before their CONNECTs are accepted; room is made by those that have not sent theirs, else the newest is closed.',
  ),
  connectTimeoutMs: limit(10_000, 100, 600_000, 'milliseconds', 'Time from accept to CONNACK, on every transport.'),
  maxHalfOpen: limit(
    10_000,
    1,
    1_000_000,
    'count',
    'Connections that have not had their CONNACK; fewer than maxConnections, so that strangers cannot take every place.',
  ),
  maxHalfOpenPerAddress: limit(
    4096,
    1,
    1_000_000,
    'count',
    'The same of one address (IPv6: of one /64); as many as the kernel hands over at once, since a proxy or a NAT may bring a whole fleet.',
  ),
  maxConnections: limit(15_000, 1, 1_000_000, 'count', 'Connections of all listeners together.'),
  maxConnectionsPerAddress: limit(
    0,
    0,
    1_000_000,
    'count',
    'Connections of one address (IPv6: of one /64); 0 sets no bound, since behind a proxy or a NAT everybody has the same.',
  ),
  maxConnectionsPerUser: limit(
    10_000,
    1,
    1_000_000,
    'count',
    'Connected sessions of one username of a tenant; anonymous clients are nobody, and bounded by their address.',
  ),
  maxPoliteRefusals: limit(
    16,
    0,
    16,
    'count',
    'Connections above a limit that are told so at the same time; further ones are closed without a byte.',
  ),
  maxFileDescriptors: limit(
    1_048_576,
    128,
    100_000_000,
    'count',
    'Files and sockets that the process may have open; where the system allows fewer, as many as that.',
  ),
  reservedFileDescriptors: limit(
    64,
    32,
    65_536,
    'count',
    'File descriptors that connections leave free, for reloading files, for plugins and for refusals.',
  ),
  maxProxyHeadersAwaited: limit(
    1000,
    1,
    1_000_000,
    'count',
    'Connections that have yet to send their PROXY protocol header; further ones are closed.',
  ),
  maxProxyHeaderBytes: limit(4096, 536, 65_551, 'bytes', 'Greatest PROXY protocol header; a longer one closes the connection.'),
  maxTlsHandshakeBytes: limit(
    65_536,
    16_384,
    262_144,
    'bytes',
    'Bytes that a peer may send before its TLS handshake is over; a chain of certificates of the largest kinds has about 20 KB. They count in maxPreAuthTotalBytes.',
  ),
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
  maxTotalSocketBufferBytes: limit(
    512 * MIB,
    65_536,
    1_048_576 * MIB,
    'bytes',
    'The same of all sockets together; beyond, every peer that leaves 64 KiB unread counts as one whose own buffer is full.',
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
  maxTopicCacheEntries: limit(131_072, 16, 10_000_000, 'count', 'Topics whose route is remembered; the memory is emptied when full.'),
  maxCachedTopicBytes: limit(512, 16, 65_535, 'bytes', 'Longest topic whose route is remembered; longer ones are looked up each time.'),
  maxRouteTargets: limit(
    1_000_000,
    1000,
    100_000_000,
    'count',
    'Subscriptions in all remembered routes of a tenant; the memory is emptied when full.',
  ),
  hashConcurrency: limit(
    2,
    1,
    64,
    'count',
    'Password hashes that are computed at the same time; on a machine of several processors one is left to everything else.',
  ),
  hashQueue: limit(200, 0, 100_000, 'count', 'Password hashes that wait; further logins are refused as busy.'),
  verifiedPasswords: limit(
    10_000,
    0,
    10_000_000,
    'count',
    'Passwords that matched their stored hash and are remembered, as keyed digests; 0 hashes each time.',
  ),
  verifiedPasswordMs: limit(300_000, 1000, 86_400_000, 'milliseconds', 'How long a password that matched is remembered.'),
  newsQueue: limit(10_000, 1, 10_000_000, 'count', 'News that wait for one observing plugin; further ones are dropped and counted.'),
  decisionLogSources: limit(
    4096,
    1,
    1_000_000,
    'count',
    'Clients, and addresses of strangers, times kinds of refusals, that the log tells apart within ten seconds; further ones are summed up together.',
  ),
  decisionLogLines: limit(
    200,
    1,
    1_000_000,
    'count',
    'Lines about refusals that the log has room for within ten seconds; further ones are summed up.',
  ),
  maxPolicyLoads: limit(
    32,
    1,
    10_000,
    'count',
    'Clients whose rights are loaded anew at the same time after a change; further ones wait their turn, so that logins find room at the plugin, too.',
  ),
  pluginStartMs: limit(30_000, 100, 3_600_000, 'milliseconds', 'Time that the start of a plugin may take.'),
  pluginDrainMs: limit(
    5000,
    0,
    60_000,
    'milliseconds',
    'Time that plugins of a configuration that was replaced have for the questions which they were asked before.',
  ),
  pluginTimers: limit(10_000, 1, 1_000_000, 'count', 'Timers of one plugin.'),
  pluginMetrics: limit(1000, 0, 100_000, 'count', 'Counters and gauges of one plugin.'),
  workerMemoryBytes: limit(
    256 * MIB,
    16 * MIB,
    16_384 * MIB,
    'bytes',
    'Memory that a plugin in a worker may hold, buffers included; `maxMemoryBytes` of its entry comes before it.',
  ),
  workerHeartbeatMs: limit(250, 50, 60_000, 'milliseconds', 'Time between two signs of life of a worker.'),
  workerLateMs: limit(
    1000,
    50,
    600_000,
    'milliseconds',
    'How late a sign of life may be while questions of the worker have been given up; then it is ended.',
  ),
  workerSilenceMs: limit(
    10_000,
    100,
    600_000,
    'milliseconds',
    'Time without a sign of life after which a worker is ended though nobody waits for it.',
  ),
  workerRestartMs: limit(
    1000,
    1,
    600_000,
    'milliseconds',
    'Pause before the second restart of a worker, doubled for each further one; the first comes at once.',
  ),
  workerRestartMaxMs: limit(
    30_000,
    1,
    3_600_000,
    'milliseconds',
    'Longest pause before a restart; a worker that has lived for twice as long is started at once again.',
  ),
  workerNews: limit(10_000, 1, 1_000_000, 'count', 'News that a worker has been told and has not heard yet; further ones are dropped and counted.'),
  workerMessages: limit(
    2500,
    10,
    1_000_000,
    'count',
    'Log lines and the like of a worker between two signs of life, and its calls that wait; what sends twice as many is ended.',
  ),
  workerOutputBytes: limit(16_384, 0, 16 * MIB, 'bytes', 'What a worker prints and the log takes up between two signs of life; the rest is counted.'),
  workerGivenUp: limit(
    1000,
    1,
    1_000_000,
    'count',
    'Questions given up that a worker has not answered and that are remembered, to tell late answers from second ones.',
  ),
  maxControlConnections: limit(16, 1, 1000, 'count', 'Connections to the control socket; further ones are told so and closed.'),
  maxControlRequestBytes: limit(65_536, 256, MIB, 'bytes', 'Greatest request over the control socket.'),
  controlTimeoutMs: limit(
    5000,
    100,
    600_000,
    'milliseconds',
    'Time that whoever connects to the control socket has to send a request, and then to read the answer.',
  ),
  maxWebSocketFrameBytes: limit(MIB, 1024, 268_435_460, 'bytes', 'Greatest WebSocket message.'),
} as const satisfies Record<string, LimitSpec>;

/** What one tenant may have. Each can be set under `tenants.<name>.limits`; what is not set is bounded with that of all others only. */
export const TENANT_LIMITS = {
  sessions: bound(1, 100_000_000, 'count', 'Sessions of the tenant, connected or not; further clients are refused.'),
  messagesPerSecond: bound(
    1,
    10_000_000,
    'count',
    'Messages that clients of the tenant publish within a second, wills included; who publishes more is read later, and loses nothing.',
  ),
  retainedMessages: bound(0, 100_000_000, 'count', 'Retained messages of the tenant; further topics are not retained.'),
  retainedBytes: bound(0, 1_048_576 * MIB, 'bytes', 'Bytes of retained messages of the tenant; further ones are not retained.'),
  queuedBytes: bound(0, 1_048_576 * MIB, 'bytes', 'Bytes that wait for sessions of the tenant; newer messages are dropped.'),
} as const satisfies Record<string, BoundSpec>;

export type TenantLimitName = keyof typeof TENANT_LIMITS;
export type TenantLimits = { readonly [Name in TenantLimitName]: number };

/** The limits of a tenant with some of them set; the others are infinite. */
export function makeTenantLimits(set: Partial<TenantLimits> = {}): TenantLimits {
  const limits = Object.fromEntries(Object.keys(TENANT_LIMITS).map((name) => [name, Number.POSITIVE_INFINITY])) as Record<TenantLimitName, number>;
  return Object.freeze(Object.assign(limits, set));
}

export type LimitName = keyof typeof LIMITS;
export type Limits = { readonly [Name in LimitName]: number };

/** The limits with some of them set. Values are not checked here: the configuration room does that. */
export function makeLimits(set: Partial<Limits> = {}): Limits {
  const limits = Object.fromEntries(Object.entries(LIMITS).map(([name, spec]) => [name, spec.default])) as unknown as Record<LimitName, number>;
  return Object.freeze(Object.assign(limits, set));
}
