/** A test that fills a limit, and fails when the limit is not there: its file, from the root of the repository, and its title. */
export type Filling = readonly [file: string, title: string];

const connection = 'core/src/connection/connection.test.ts';
const control = 'core/src/control/control.test.ts';
const router = 'core/src/router/router.test.ts';
const services = 'core/src/hooks/plugin-services.test.ts';
const credentials = 'core/src/hooks/credentials.test.ts';
const here = (name: string): string => `test/src/limits/${name}.test.ts`;
const worker = 'test/src/workers/worker.test.ts';
const heartbeat = 'core/src/hooks/worker/heartbeat.test.ts';
const tenants = 'test/src/tenants/limits.test.ts';
const restarts = 'core/src/hooks/worker/restarts.test.ts';

const eachVersion = (title: string): Filling => [tenants, `${title} (\${version})`];

/** The same for what can be set for one tenant. */
export const TENANT_FILLED_BY: Readonly<Record<string, readonly Filling[]>> = {
  sessions: [eachVersion('bound its sessions: one more is refused, but may take over one of its own, and others do not notice')],
  messagesPerSecond: [eachVersion('bound what it publishes in a second: more is read later, in order, and nothing is lost')],
  retainedMessages: [eachVersion('bound its retained messages in number: further topics are delivered and not retained')],
  retainedBytes: [eachVersion('bound its retained messages in bytes, and give them back')],
  queuedBytes: [eachVersion('bound the bytes that wait for its sessions together')],
};

/** Every limit, and who fills it. A limit without a line fails the test of this table. */
export const FILLED_BY: Readonly<Record<string, readonly Filling[]>> = {
  maxPacketBytes: [[here('transports'), 'hold for packets: a 5.0 client is told the reason, a 3.1.1 client is closed']],
  preAuthBytes: [
    [here('registry-limits'), 'may not send more than preAuthBytes before they are accepted'],
    [here('transports'), 'hold for what comes before the CONNECT is accepted'],
  ],
  maxUsernameBytes: [
    ['core/src/gate/admission.test.ts', 'A username beyond maxUsernameBytes is refused as an unknown one, and nobody is asked about it.'],
  ],
  maxPreAuthTotalBytes: [
    [here('strangers'), 'are bounded in the bytes that they hold together: the newest is closed, and nobody else'],
    [
      'core/src/listeners/strangers.test.ts',
      'What is kept of a WebSocket before its CONNECT counts among the bytes of strangers: its request, then its frames.',
    ],
  ],
  connectTimeoutMs: [
    [here('registry-limits'), 'that never finish their CONNECT end after connectTimeoutMs, however they trickle'],
    [here('transports'), 'hold for the time from accept to CONNACK'],
    ['core/src/listeners/strangers.test.ts', 'A WebSocket that wants to be one at last has only the rest of the time for its CONNECT.'],
  ],
  maxHalfOpen: [[here('strangers'), 'are bounded for all addresses together: the oldest makes room, and a client that is not slow gets in']],
  maxHalfOpenPerAddress: [
    [here('strangers'), 'are not closed for others while we owe them the answer: then the newest is refused'],
    [here('transports'), 'hold for half-open connections: a client that is not slow gets in all the same'],
  ],
  maxConnections: [[here('registry-limits'), 'are bounded: the CONNECT of a further one is refused with the code of its version, and has no effect']],
  maxConnectionsPerAddress: [
    [here('registry-limits'), 'are bounded for each address, an IPv6 network of 64 bits being one, and a place that is given back can be had again'],
    [here('transports'), 'hold for connections in all or of an address: one too many is refused, and has no effect'],
  ],
  maxConnectionsPerUser: [
    [
      here('registry-limits'),
      'are bounded for each user: the next is refused, but may take over one of its own; others and anonymous clients are not counted',
    ],
  ],
  maxPoliteRefusals: [
    [here('registry-limits'), 'above a limit may only stay for their refusal in small number; further ones are closed without a byte'],
  ],
  maxFileDescriptors: [[here('descriptors'), 'goes by what is configured where that is less than what it may open']],
  reservedFileDescriptors: [
    [here('descriptors'), 'goes by what is configured where that is less than what it may open'],
    [here('descriptors'), 'stops taking connections 64 below its limit, says so, and takes them again when others have gone'],
  ],
  maxProxyHeadersAwaited: [
    ['core/src/listeners/entrance.test.ts', 'Connections without a header are bounded, and none of them counts as open or is shown to a guard.'],
  ],
  maxProxyHeaderBytes: [
    ['core/src/listeners/entrance.test.ts', 'A PROXY header above maxProxyHeaderBytes closes the connection as soon as it says so.'],
  ],
  maxTlsHandshakeBytes: [
    [
      'core/src/listeners/certificates.test.ts',
      'Handshakes are bounded in their bytes, each by maxTlsHandshakeBytes and all by maxPreAuthTotalBytes.',
    ],
  ],
  maxTopicLevels: [[here('transports'), 'hold for packets: a 5.0 client is told the reason, a 3.1.1 client is closed']],
  maxUserProperties: [[here('transports'), 'hold for packets: a 5.0 client is told the reason, a 3.1.1 client is closed']],
  maxFiltersPerPacket: [[here('transports'), 'hold for packets: a 5.0 client is told the reason, a 3.1.1 client is closed']],
  maxSubscriptions: [[here('registry-limits'), 'are bounded: further filters are refused one by one, known ones may be replaced']],
  maxSubscriptionBytes: [[here('registry-limits'), 'are bounded in the length of their filters together, and a replaced filter counts once']],
  topicAliasMaximum: [[here('transports'), 'hold for packets: a 5.0 client is told the reason, a 3.1.1 client is closed']],
  receiveMaximum: [[here('unread-answers'), 'end a connection of 5.0 when there are more than the receive maximum']],
  maxInflight: [[here('queue-limits'), 'is sent as far as maxInflight lets it, and goes on with every acknowledgement']],
  maxQueuedMessages: [[here('queue-limits'), 'is bounded in number for each: newer messages are dropped and counted']],
  maxQueuedBytes: [
    [here('queue-limits'), 'is bounded in bytes for each'],
    [here('unreleased'), 'are bounded in bytes: 5.0 is told, 3.x is closed'],
  ],
  maxTotalQueuedBytes: [[here('queue-limits'), 'is bounded in bytes for all together, and room comes back']],
  maxSocketBufferBytes: [
    [here('stalled-subscriber'), 'loses QoS 0, counted, while its publisher and the others go on, and holds no more than its buffer'],
  ],
  maxTotalSocketBufferBytes: [
    [here('socket-buffers'), 'is bounded: beyond it slow peers get no QoS 0, and QoS 1 later; whoever reads does not notice'],
  ],
  slowConsumerTimeoutMs: [[here('stalled-subscriber'), 'is disconnected after slowConsumerTimeoutMs, and not before']],
  maxRetainedMessages: [
    [here('registry-limits'), 'are bounded in number: further topics are delivered but not retained, known ones may change and be cleared'],
  ],
  maxRetainedBytes: [[here('registry-limits'), 'are bounded in bytes, and give them back']],
  maxSessions: [[here('registry-limits'), 'are bounded: a further client is refused with the code of its version, one that has a session is not']],
  maxPendingAcknowledgements: [[connection, 'Acknowledgements that wait for the store are bounded: the socket is not read until some have left.']],
  maxTopicAliasBytes: [
    [here('registry-limits'), 'are bounded in the bytes of their topics: the connection ends, and an alias that is set again counts once'],
  ],
  maxPendingDeliveries: [[here('pending-deliveries'), 'are bounded for each receiver: further ones are dropped and counted, others do not wait']],
  maxWaitMs: [[connection, 'An answer that never comes ends the connection after the greatest wait, and the question is cancelled.']],
  maxTopicCacheEntries: [[router, 'An entry that outlived its filling of the table is routed all the same.']],
  maxCachedTopicBytes: [[router, 'A topic above maxCachedTopicBytes is routed as any other and not remembered.']],
  maxRouteTargets: [[router, 'What is remembered of routes is bounded by the receivers in them.']],
  hashConcurrency: [[credentials, 'a login beyond the queue for hashes is refused as overload, and the breaker stays shut']],
  hashQueue: [[credentials, 'a login beyond the queue for hashes is refused as overload, and the breaker stays shut']],
  verifiedPasswords: [[credentials, 'as many passwords that matched are remembered as verifiedPasswords says, for verifiedPasswordMs']],
  verifiedPasswordMs: [[credentials, 'as many passwords that matched are remembered as verifiedPasswords says, for verifiedPasswordMs']],
  newsQueue: [['core/src/hooks/news-queue.test.ts', 'news that wait are bounded for each plugin; further ones are dropped and counted']],
  decisionLogSources: [['core/src/gate/decision-log.test.ts', 'are bounded in what they tell apart']],
  decisionLogLines: [['core/src/gate/decision-log.test.ts', 'are bounded in lines: what comes beyond is summed up in one']],
  maxPolicyLoads: [['core/src/rights-line.test.ts', 'Only so many clients are asked about at a time, the others in their order.']],
  pluginStartMs: [['core/src/hooks/host.test.ts', "a start that does not settle in time ends the broker's start"]],
  pluginDrainMs: [['core/src/hooks/host.test.ts', 'retire: whoever is not answered within pluginDrainMs gets a fault']],
  pluginTimers: [[services, 'timers call back on time, can be cancelled, survive what their callbacks throw, and end with the plugin']],
  pluginMetrics: [[services, 'metrics are named after the plugin and bounded in number']],
  workerMemoryBytes: [[worker, 'is ended when it holds more memory than it may, in its heap or in buffers, at once or by and by']],
  workerHeartbeatMs: [[heartbeat, 'a thread that moves is asked again and again, also while questions are given up']],
  workerLateMs: [[heartbeat, 'a thread that stands still while questions are given up is dead after workerLateMs, and not before']],
  workerSilenceMs: [[heartbeat, 'a thread that nobody waits for has workerSilenceMs']],
  workerRestartMs: [[restarts, 'the first restart comes at once, each further one after twice the pause, up to the longest']],
  workerRestartMaxMs: [[restarts, 'a worker that has lived for longer than two of the longest pauses is started at once again']],
  workerNews: [
    ['core/src/hooks/worker/thread-news.test.ts', 'news go many to a message, and no more than workerNews before the thread has heard some'],
  ],
  workerMessages: [[worker, 'prints and logs only as much as the log takes up, and what is left out is counted']],
  workerOutputBytes: [[worker, 'prints and logs only as much as the log takes up, and what is left out is counted']],
  workerGivenUp: [
    [
      'core/src/hooks/worker/open-questions.test.ts',
      'questions given up are remembered up to workerGivenUp: a late answer is told from a second one',
    ],
  ],
  maxControlConnections: [[control, 'holds at most maxControlConnections, tells the next so, and has room again when one goes']],
  maxControlRequestBytes: [[control, 'does not read a request that is longer than maxControlRequestBytes to its end']],
  controlTimeoutMs: [[control, 'closes whoever has not sent a request within controlTimeoutMs, but waits for its own commands']],
  maxWebSocketFrameBytes: [['core/src/listeners/listeners.test.ts', 'A frame that is too large ends the connection.']],
};
