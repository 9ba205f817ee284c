/** What went wrong with one plugin's entry, over all generations. Answers that do not count are counted here. */
export class PluginCounts {
  /** Questions that ended as a fault; those below say of which kind some of them were. */
  faults = 0;
  timeouts = 0;
  /** Questions for which there was no room, or no time left. */
  overloads = 0;
  lateAnswers = 0;
  secondAnswers = 0;
  foreignAnswers = 0;
}

/** Names of the core's counters (they only grow) and gauges. Plain numbers, so that counting costs nothing on the hot path. */
export class Stats {
  connectionsAccepted = 0;
  connectionsOpen = 0;
  connectionsHalfOpen = 0;
  /** All refusals of sockets; those below count the same by their limit, the rest were refused by guards. */
  connectionsRefused = 0;
  refusedConnections = 0;
  refusedListener = 0;
  refusedAddress = 0;
  refusedDescriptors = 0;
  refusedHalfOpen = 0;
  /** Half-open connections that were closed to make room for others, or because their bytes were too many. */
  closedHalfOpen = 0;
  closedPreAuthBytes = 0;
  connectTimeouts = 0;
  preAuthBytes = 0;
  proxyHeadersAwaited = 0;
  proxyHeadersRefused = 0;
  tlsHandshakesFailed = 0;
  clientsConnected = 0;
  connectsAccepted = 0;
  connectsRefused = 0;
  refusedSessions = 0;
  refusedUser = 0;
  takeovers = 0;
  protocolErrors = 0;
  sessions = 0;
  subscriptions = 0;
  messagesReceived = 0;
  messagesSent = 0;
  bytesReceived = 0;
  bytesSent = 0;
  socketBufferBytes = 0;
  messagesQueued = 0;
  queuedBytes = 0;
  retainedMessages = 0;
  retainedBytes = 0;
  publishesDenied = 0;
  publishesFaulted = 0;
  subscribesDenied = 0;
  subscribesFaulted = 0;
  deliveriesDenied = 0;
  /** Subscriptions that have lost their right and may have it back; those that were removed because it did not return. */
  subscriptionsSuspended = 0;
  subscriptionsRevoked = 0;
  /** Queued copies that were held back because their right was lost; copies taken out of a socket's buffer for the same reason. */
  copiesHeldBack = 0;
  copiesRecalled = 0;
  /** Connections closed because such a copy was beyond recall. */
  closedRevoked = 0;
  /** Connections that were ended because their client's certificate was revoked, or no list in force covered it any more. */
  closedCertificate = 0;
  /** Retained messages whose publisher has lost the right to them. */
  retainedWithdrawn = 0;
  /** From a change of rights until all clients concerned were judged by it, in milliseconds: of the last one, or of one under way. */
  revocationLagMs = 0;
  revocationLagMaxMs = 0;
  /** Changes of rights by which all clients concerned were judged. */
  revocationsDone = 0;
  /** Clients that are yet to be judged after a change; those that are connected though their rights could not be confirmed. */
  rechecksWaiting = 0;
  policyStale = 0;
  droppedNotAuthorized = 0;
  droppedGuard = 0;
  droppedFault = 0;
  droppedQueueFull = 0;
  droppedSlowConsumer = 0;
  droppedExpired = 0;
  droppedTooLarge = 0;
  droppedSessionEnded = 0;
  droppedNoGroupMember = 0;
  droppedPacketIdentifiers = 0;
  retainRefused = 0;
  /** Packets that had to wait because their tenant had published enough. */
  publishesDelayed = 0;
  messagesExported = 0;
  /** Messages that could not go on to another tenant, since their topic would have been too long there. */
  exportsRefused = 0;
  willsPublished = 0;
  willsDropped = 0;
  pluginFaults = 0;
  pluginOverloads = 0;
  lateAnswers = 0;
  secondAnswers = 0;
  foreignAnswers = 0;
  escapedErrors = 0;
  newsDropped = 0;
  /** Threads of plugins that ended, or had to be ended, while they were needed. */
  workersLost = 0;
  invariantsBroken = 0;

  readonly #plugin = new Map<string, number>();
  /** By the names of entries that the configuration has had since the start. */
  readonly #counts = new Map<string, PluginCounts>();

  /** The host's own counters of a plugin. */
  ofPlugin(name: string): PluginCounts {
    let counts = this.#counts.get(name);
    if (counts === undefined) {
      counts = new PluginCounts();
      this.#counts.set(name, counts);
    }
    return counts;
  }

  /** Adds to a counter of a plugin, `plugin.<entry>.<name>`. */
  countPlugin(name: string, by: number): void {
    this.#plugin.set(name, (this.#plugin.get(name) ?? 0) + by);
  }

  setPlugin(name: string, value: number): void {
    this.#plugin.set(name, value);
  }

  get(name: string): number | undefined {
    const own = Object.hasOwn(this, name) ? (this as unknown as Record<string, unknown>)[name] : undefined;
    return typeof own === 'number' ? own : this.#plugin.get(name);
  }

  names(): string[] {
    return [...Object.keys(this), ...this.#plugin.keys()];
  }
}
