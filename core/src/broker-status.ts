import type { Generation } from './generation.js';
import type { PluginStanding } from './hooks/index.js';
import type { TenantLimitName, TenantLimits } from './limits.js';
import type { Listener } from './listeners/index.js';
import type { Router } from './router/index.js';
import type { PluginCounts, Stats } from './stats.js';
import type { RevocationListInfo } from './x509/index.js';

/** A running broker at one moment, for people and their programs. Holds names, addresses and numbers; no value of the configuration of a plugin. */
export interface BrokerStatus {
  readonly generation: {
    /** Counts the configurations that were tried, the first is 1. */
    readonly number: number;
    /** When it was put in force, in milliseconds since the epoch. */
    readonly since: number;
  };
  readonly listeners: readonly ListenerStatus[];
  /** In the order of the file. */
  readonly plugins: readonly PluginStatus[];
  /** Those of the configuration, in the order of the file; clients without a tenant are not among them. */
  readonly tenants: readonly TenantStatus[];
  /** Those that were reached since the start. */
  readonly limitsReached: readonly LimitReached[];
  /** All counters and gauges by name, those of plugins as `plugin.<entry>.<name>`. */
  readonly counters: Readonly<Record<string, number>>;
}

export interface ListenerStatus {
  readonly name: string;
  readonly url: string;
  readonly chain: string;
  readonly connections: number;
  /** Revocation lists in force for certificates of its clients; empty without any. */
  readonly revocationLists: readonly RevocationListInfo[];
}

export interface PluginStatus extends PluginStanding, Readonly<PluginCounts> {
  readonly name: string;
  readonly package: string;
  readonly version: string;
  /** What happens to clients while it is down. */
  readonly startup: 'gate' | 'wait' | 'exit';
}

export interface TenantStatus {
  readonly name: string;
  readonly sessions: number;
  readonly retainedMessages: number;
  readonly retainedBytes: number;
  readonly queuedBytes: number;
  /** What it may have of each; null where nothing but the broker's own limits bounds it. */
  readonly limits: { readonly [Name in TenantLimitName]: number | null };
}

export interface LimitReached {
  /** Limits that share a counter stand together. */
  readonly limits: readonly string[];
  /** What was counted: connections refused, messages dropped. */
  readonly counter: string;
  readonly times: number;
}

/** Counters that grow only because of a limit. */
const BY_LIMITS: readonly (readonly [counter: keyof Stats & string, ...limits: string[]])[] = [
  ['refusedConnections', 'maxConnections'],
  ['refusedListener', 'listeners.*.maxConnections'],
  ['refusedAddress', 'maxConnectionsPerAddress'],
  ['refusedDescriptors', 'maxFileDescriptors', 'reservedFileDescriptors'],
  ['refusedHalfOpen', 'maxHalfOpen', 'maxHalfOpenPerAddress'],
  ['closedHalfOpen', 'maxHalfOpen', 'maxHalfOpenPerAddress'],
  ['closedPreAuthBytes', 'maxPreAuthTotalBytes'],
  ['connectTimeouts', 'connectTimeoutMs'],
  ['refusedSessions', 'maxSessions', 'sessions.perPrincipal', 'tenants.*.limits.sessions'],
  ['refusedUser', 'maxConnectionsPerUser'],
  ['droppedQueueFull', 'maxQueuedMessages', 'maxQueuedBytes', 'maxTotalQueuedBytes', 'maxPendingDeliveries', 'tenants.*.limits.queuedBytes'],
  ['retainRefused', 'maxRetainedMessages', 'maxRetainedBytes', 'tenants.*.limits.retainedMessages', 'tenants.*.limits.retainedBytes'],
  ['publishesDelayed', 'tenants.*.limits.messagesPerSecond'],
  ['droppedSlowConsumer', 'maxSocketBufferBytes', 'maxTotalSocketBufferBytes'],
  ['pluginOverloads', 'plugins.*.maxConcurrent', 'plugins.*.maxQueue', 'chains.*.deadlineMs', 'hashQueue'],
  ['newsDropped', 'newsQueue'],
];

export function statusOf(
  { number, config, host }: Generation,
  since: number,
  listeners: Iterable<Listener>,
  stats: Stats,
  router: Router | undefined,
): BrokerStatus {
  const packages = host.packages;
  return {
    generation: { number, since },
    listeners: [...listeners].map(({ options: { name, chain }, url, connections, revocationLists = [] }) => {
      return { name, url, chain, connections, revocationLists };
    }),
    plugins: [...host.standings].map(([name, standing]) => ({
      name,
      package: packages.get(name)?.packageName ?? '',
      version: packages.get(name)?.version ?? '',
      startup: config.plugins.find((plugin) => plugin.name === name)?.startup ?? 'gate',
      ...standing,
      ...stats.ofPlugin(name),
    })),
    tenants: [...(config.tenants?.values() ?? [])].map(({ name, limits }) => tenantStatus(name, limits, router)),
    limitsReached: BY_LIMITS.flatMap(([counter, ...limits]) => {
      const times = stats.get(counter) ?? 0;
      return times === 0 ? [] : [{ limits, counter, times }];
    }),
    counters: Object.fromEntries(stats.names().map((name) => [name, stats.get(name) ?? 0])),
  };
}

function tenantStatus(name: string, limits: TenantLimits, router: Router | undefined): TenantStatus {
  const domain = router?.known(name);
  const bounds = Object.entries(limits).map(([limit, value]) => [limit, Number.isFinite(value) ? value : null]);
  return {
    name,
    sessions: domain?.quota.sessions ?? 0,
    retainedMessages: domain?.retained.count ?? 0,
    retainedBytes: domain?.retained.bytes ?? 0,
    queuedBytes: domain?.quota.queuedBytes ?? 0,
    limits: Object.fromEntries(bounds) as TenantStatus['limits'],
  };
}
