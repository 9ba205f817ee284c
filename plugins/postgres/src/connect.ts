import { readFile } from 'node:fs/promises';
import { type ConnectionOptions, checkServerIdentity } from 'node:tls';
import { BackendUnavailable, InvalidPluginConfig } from '@portcullis/sdk';
import pg from 'pg';
import { errorText } from './database-errors.js';
import type { Server } from './hosts.js';
import type { RealTimers } from './real-timers.js';
import type { Settings, TlsSettings } from './settings.js';
import { parserOf } from './types.js';

/** From the first packet to the first answer of one server. */
const CONNECT_TIMEOUT_MS = 2000;

const MAX_GREETING_BYTES = 65_536;

/** What a server is wanted for. */
export type Role = 'primary' | 'replica';

export interface ConnectOptions {
  readonly settings: Settings;
  readonly timers: RealTimers;
  /** Several questions under way at a time. */
  readonly pipeline: boolean;
  readonly signal: AbortSignal;
}

/** Connects to one server, which must have the role. Rejects with what stands in the way, and gives up when `signal` is aborted. */
export async function connectTo(server: Server, role: Role, options: ConnectOptions): Promise<pg.Client> {
  const { settings, timers, signal, pipeline } = options;
  const { host, port } = server;
  const client = new pg.Client({
    host,
    port,
    database: settings.database,
    user: settings.user,
    // A function, because the driver would take an empty text for none and look for one in the environment.
    password: () => settings.password(),
    ssl: await tlsOptions(settings.tlsFor(server), server),
    client_encoding: 'UTF8',
    application_name: 'portcullis',
    statement_timeout: settings.statementTimeoutMs,
    options: settingsOfSession(settings),
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    pipeline,
    types: { getTypeParser: (oid: number) => parserOf(oid) } as pg.CustomTypesConfig,
  });
  // Also after it was given up: an error of a socket that nobody listens to ends the process.
  client.on('error', () => {});
  const abandon = (): void => void destroy(client);
  let uncap = client.ssl === false ? capBytes(client) : (): void => {};
  const cancelTimer = timers.after(CONNECT_TIMEOUT_MS, abandon);
  signal.addEventListener('abort', abandon, { once: true });
  try {
    signal.throwIfAborted();
    await client.connect();
    // Its stream is another one by now where TLS was agreed on.
    uncap();
    uncap = capBytes(client);
    await requireRole(client, role);
    uncap();
    return client;
  } catch (error) {
    destroy(client);
    throw error;
  } finally {
    cancelTimer();
    signal.removeEventListener('abort', abandon);
  }
}

function settingsOfSession({ queries }: Settings): string {
  // The role should not be able to write; if it is, this connection is not.
  const readOnly = '-c default_transaction_read_only=on';
  // An error instead of fewer rows: a deny that cannot be seen forbids nothing. In tables of one's own it may be meant.
  return queries === null ? `${readOnly} -c row_security=off` : readOnly;
}

/** Whoever answers there need not be PostgreSQL: what it says before it is known as such is bounded. */
function capBytes(client: pg.Client): () => void {
  const { stream } = client.connection;
  let received = 0;
  const count = (bytes: Uint8Array): void => {
    received += bytes.length;
    if (received > MAX_GREETING_BYTES) stream.destroy(new Error('what answers there is no PostgreSQL'));
  };
  stream.on('data', count);
  return () => void stream.off('data', count);
}

/** Ends a connection without a word; whatever it still says is not heard. */
export function destroy(client: pg.Client): void {
  client.connection.stream.destroy();
}

async function requireRole(client: pg.Client, role: Role): Promise<void> {
  const { rows } = await client.query<{ standby: unknown }>('select pg_catalog.pg_is_in_recovery() as standby');
  const isStandby = rows[0]?.standby;
  if (rows.length !== 1 || typeof isStandby !== 'boolean') throw new BackendUnavailable('does not say whether it is the primary');
  // A replica that took over is as good as one.
  if (role === 'primary' && isStandby) throw new BackendUnavailable('is a replica, and the primary is needed');
}

async function tlsOptions(tls: TlsSettings | null, { host }: Server): Promise<ConnectionOptions | false> {
  if (tls === null) return false;
  const [ca, cert, key] = await Promise.all([tls.ca, tls.cert, tls.key].map(readPem));
  const servername = tls.servername ?? host;
  return {
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    // The driver puts the host into its place where that is a name, so the name to be verified is said here.
    checkServerIdentity: (_host, certificate) => checkServerIdentity(servername, certificate),
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}

async function readPem(path: string | null): Promise<Buffer | undefined> {
  if (path === null) return undefined;
  try {
    return await readFile(path);
  } catch (error) {
    throw new InvalidPluginConfig(`tls: cannot read ${path}: ${errorText(error)}`);
  }
}
