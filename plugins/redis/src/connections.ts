import { BackendUnavailable } from '@portcullis/sdk';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { LocalConnector, localOnly } from './local-connector.js';
import { asUnavailable, firstWord } from './redis-errors.js';
import type { Address, ServerSettings } from './settings.js';

/** What the driver takes, but for the option by which its types tell apart how replies look. */
type DriverOptions = Omit<RedisOptions, 'replyMapping'>;

/** Waits between attempts grow to this, so that a server that is back is found well within five seconds. */
const MAX_RETRY_MS = 500;
const RETRY_JITTER_MS = 100;
/** A connection that has to answer and has said nothing for so many command time-outs is closed and made anew. */
const SILENT_TIMEOUTS = 2;
const NAME = 'portcullis';

/** Milliseconds until the next attempt to connect. */
export function retryDelayMs(attempt: number): number {
  return Math.min(50 * 2 ** Math.min(attempt, 10), MAX_RETRY_MS) + Math.random() * RETRY_JITTER_MS;
}

/** Opens what look-ups go through: reconnects by itself for as long as it is not disconnected, and queues nothing meanwhile. */
export function openLookupClient(settings: ServerSettings): Redis | Cluster {
  if (settings.kind !== 'cluster') return new Redis({ ...oneServer(settings, settings.addresses[0]), retryStrategy: retryDelayMs });
  return new Cluster([...settings.addresses], {
    clusterRetryStrategy: retryDelayMs,
    enableOfflineQueue: false,
    // Replicas may be behind: they would still allow what was revoked.
    scaleReads: 'master',
    maxRedirections: 4,
    slotsRefreshTimeout: settings.commandTimeoutMs,
    lazyConnect: true,
    redisOptions: common(settings),
  });
}

/** Opens a connection of one life, to listen on or to work with: when it ends, it stays ended. In a cluster `node` says to which node. */
export function openSingleClient(settings: ServerSettings, node?: Address): Redis {
  return new Redis({ ...oneServer(settings, node ?? settings.addresses[0]), retryStrategy: () => null, sentinelRetryStrategy: () => null });
}

/**
 * Makes sure that the connection is in its database, or rejects. The driver only tells of a database that it cannot choose, and goes on in database 0:
 * there may be the users of somebody else.
 */
export async function chooseDatabase(client: Redis, what: string): Promise<void> {
  const { db = 0 } = client.options;
  if (db === 0) return;
  try {
    await client.select(db);
  } catch (error) {
    const word = firstWord(error instanceof Error ? error.message : '');
    if (word !== 'ERR' && word !== 'NOPERM') throw asUnavailable(error, what);
    throw new BackendUnavailable(`${what} has no database ${db}, or does not let this user choose it (${word})`);
  }
}

function oneServer(settings: ServerSettings, address: Address | undefined): DriverOptions {
  const { sentinel, tls } = settings;
  const options: DriverOptions = { ...common(settings), enableOfflineQueue: false, db: settings.database };
  if (settings.kind !== 'sentinel' || sentinel === null) return { ...options, ...address };
  return {
    ...options,
    name: sentinel.name,
    role: 'master',
    sentinels: [...settings.addresses],
    // Tells of a new primary at once, also while the old one still answers.
    failoverDetector: true,
    sentinelRetryStrategy: retryDelayMs,
    sentinelReconnectStrategy: retryDelayMs,
    sentinelCommandTimeout: settings.commandTimeoutMs,
    ...(sentinel.password !== null && { sentinelUsername: sentinel.username, sentinelPassword: sentinel.password }),
    ...(tls !== null && { enableTLSForSentinelMode: true, sentinelTLS: tlsOptions(settings) }),
    // Asked about each primary and each sentinel that is named, before anything is sent to it.
    ...(isLocalOnly(settings) && { natMap: localOnly }),
  };
}

function common(settings: ServerSettings): DriverOptions {
  return {
    // The old form of the protocol: HELLO of the new one may come back inside an error, with the password.
    protocol: 2,
    ...(settings.password !== null && { username: settings.username, password: settings.password }),
    connectionName: NAME,
    disableClientInfo: true,
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    commandTimeout: settings.commandTimeoutMs,
    connectTimeout: settings.connectTimeoutMs,
    socketTimeout: settings.commandTimeoutMs * SILENT_TIMEOUTS,
    maxLoadingRetryTime: MAX_RETRY_MS,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    ...(settings.tls !== null && { tls: tlsOptions(settings) }),
    // Sentinel has one of its own.
    ...(settings.kind !== 'sentinel' && isLocalOnly(settings) && { Connector: LocalConnector }),
  };
}

function isLocalOnly({ tls, remoteInClear }: ServerSettings): boolean {
  return tls === null && !remoteInClear;
}

function tlsOptions({ tls }: ServerSettings): NonNullable<RedisOptions['tls']> {
  return {
    rejectUnauthorized: true,
    ...(tls?.ca != null && { ca: tls.ca }),
    ...(tls?.cert != null && { cert: tls.cert }),
    ...(tls?.key != null && { key: tls.key }),
    ...(tls?.servername != null && { servername: tls.servername }),
  };
}
