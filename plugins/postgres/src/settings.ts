import { resolve } from 'node:path';
import { type Infer, InvalidPluginConfig } from '@portcullis/sdk';
import type { CONFIG } from './config.js';
import { isLocal, parseServer, type Server } from './hosts.js';
import { schemaNameProblem } from './schema/names.js';

type Config = Infer<typeof CONFIG>;

/** Files and name for TLS; null for none. */
export interface TlsSettings {
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  readonly servername: string | null;
}

/** The options after every check that needs no server. */
export interface Settings {
  readonly servers: readonly Server[];
  readonly replicas: readonly Server[];
  readonly database: string;
  readonly user: string;
  readonly schema: string;
  readonly connections: number;
  readonly statementTimeoutMs: number;
  readonly leaseMs: number;
  /** Channel to listen on; null without push. */
  readonly channel: string | null;
  readonly heartbeatMs: number;
  readonly maxUsers: number;
  readonly maxKeptBytes: number;
  readonly maxGroups: number;
  readonly queries: NonNullable<Config['queries']> | null;
  tlsFor(server: Server): TlsSettings | null;
  /** Not a property that a log line could show by accident. */
  password(): string;
}

const LEASE_SECONDS = 300;
const LEASE_WITHOUT_PUSH_SECONDS = 30;
const MAX_LEASE_WITHOUT_PUSH_SECONDS = 60;

/** Checks what belongs together. Throws `InvalidPluginConfig` with what to do. */
export function readSettings(config: Config, { baseFolder, timeoutMs }: { readonly baseFolder: string; readonly timeoutMs: number }): Settings {
  const { statementTimeoutMs, queries, notifications, push, tls, replicas = [] } = config;
  if (statementTimeoutMs >= timeoutMs) {
    throw new InvalidPluginConfig(
      `statementTimeoutMs (${statementTimeoutMs}) must be less than timeoutMs of the entry (${timeoutMs}), so that a slow statement ends before its question`,
    );
  }
  const problem = schemaNameProblem(config.schema);
  if (problem !== null) throw new InvalidPluginConfig(`schema: ${JSON.stringify(config.schema)} ${problem}`);
  if (notifications !== undefined && queries === undefined) {
    throw new InvalidPluginConfig('notifications are for tables of your own ("queries"); the schema has its own');
  }
  if (queries !== undefined && push && notifications === undefined) {
    throw new InvalidPluginConfig('with "queries", say by "notifications" how changes are announced, or do without: "push": false');
  }
  if (!push && notifications !== undefined) throw new InvalidPluginConfig('"push": false hears no notifications; leave them out');
  if (!push && replicas.length > 0) {
    throw new InvalidPluginConfig('replicas need push: without it nobody says how new an answer must be');
  }
  if (queries !== undefined && queries.version === undefined && replicas.length > 0) {
    throw new InvalidPluginConfig(
      'replicas need "queries.version", and a column "version" in the others: without it nobody knows how new an answer is',
    );
  }
  if ((tls?.cert === undefined) !== (tls?.key === undefined)) throw new InvalidPluginConfig('tls: "cert" and "key" go together');
  const { password = '' } = config;
  return {
    servers: parseServers('host', typeof config.host === 'string' ? [config.host] : config.host, config.port),
    replicas: parseServers('replicas', replicas, config.port),
    database: config.database,
    user: config.user,
    schema: config.schema,
    connections: config.connections,
    statementTimeoutMs,
    leaseMs: leaseSecondsOf(config) * 1000,
    channel: push ? (notifications?.channel ?? config.schema) : null,
    heartbeatMs: config.heartbeatSeconds * 1000,
    maxUsers: config.maxUsers,
    maxKeptBytes: config.maxKeptBytes,
    maxGroups: config.maxGroups,
    queries: queries ?? null,
    tlsFor: (server) => tlsFor(config, server, baseFolder),
    password: () => password,
  };
}

function leaseSecondsOf({ leaseSeconds, push }: Config): number {
  if (leaseSeconds === undefined) return push ? LEASE_SECONDS : LEASE_WITHOUT_PUSH_SECONDS;
  if (!push && leaseSeconds > MAX_LEASE_WITHOUT_PUSH_SECONDS) {
    throw new InvalidPluginConfig(
      `leaseSeconds: without push a change counts when the lease ends; it must be ${MAX_LEASE_WITHOUT_PUSH_SECONDS} or less`,
    );
  }
  return leaseSeconds;
}

function parseServers(option: string, texts: readonly string[], port: number): Server[] {
  return texts.map((text) => {
    const server = parseServer(text, port);
    if (server === null)
      throw new InvalidPluginConfig(`${option}: ${JSON.stringify(text)} is neither "host", "host:port", "[address]:port" nor a folder`);
    return server;
  });
}

function tlsFor({ tls }: Config, server: Server, baseFolder: string): TlsSettings | null {
  if (tls?.mode === 'disable' || server.host.startsWith('/')) return null;
  if (tls === undefined && isLocal(server)) return null;
  const path = (file: string | undefined): string | null => (file === undefined ? null : resolve(baseFolder, file));
  return { ca: path(tls?.ca), cert: path(tls?.cert), key: path(tls?.key), servername: tls?.servername ?? null };
}
