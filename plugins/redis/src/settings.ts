import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { InvalidPluginConfig } from '@portcullis/sdk';
import type { RedisConfig } from './config-schema.js';

/** One server: where it listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** How TLS to the servers is made; null for none. */
export interface TlsSettings {
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  /** The name that certificates are held against; null for the host that is connected to. */
  readonly servername: string | null;
}

/** What is connected to, with everything read and judged. */
export interface ServerSettings {
  readonly kind: 'single' | 'sentinel' | 'cluster';
  /** The server, the sentinels, or some nodes of the cluster: at least one. */
  readonly addresses: readonly Address[];
  readonly database: number;
  readonly username: string;
  readonly password: string | null;
  /** Of Sentinel alone. */
  readonly sentinel: { readonly name: string; readonly username: string; readonly password: string | null } | null;
  readonly tls: TlsSettings | null;
  /** Whether other machines may be spoken to without TLS. Sentinel and a cluster name servers that stand in no configuration. */
  readonly remoteInClear: boolean;
  readonly commandTimeoutMs: number;
  readonly connectTimeoutMs: number;
}

const DEFAULT_PORT = 6379;
const DEFAULT_SENTINEL_PORT = 26_379;

/** A login asks for the role of a new connection, then for the user twice; all of it has to end before its question does. */
const COMMANDS_OF_A_QUESTION = 3;

/**
 * Judges the options of the plugin that say what is connected to; `timeoutMs` is that of the entry. Throws InvalidPluginConfig with what to do.
 */
export function serverSettings(
  config: RedisConfig,
  { baseFolder, timeoutMs }: { readonly baseFolder: string; readonly timeoutMs: number },
): ServerSettings {
  requireTime(config.commandTimeoutMs, timeoutMs);
  const { sentinel, cluster } = config;
  const isSingle = config.host !== undefined || config.port !== undefined;
  if ([isSingle, sentinel !== undefined, cluster !== undefined].filter(Boolean).length > 1) {
    throw new InvalidPluginConfig(
      'name one of "host" with "port", "sentinel" and "cluster", not several: they are different ways to find the server',
    );
  }
  if (cluster !== undefined && config.database !== 0) throw new InvalidPluginConfig('a cluster has database 0 only; take "database" out');
  if (config.username !== undefined && config.password === undefined) throw new InvalidPluginConfig('"username" needs a "password"');
  if (sentinel?.username !== undefined && sentinel.password === undefined) throw new InvalidPluginConfig('"sentinel.username" needs a "password"');
  const nodes = sentinel?.nodes ?? cluster?.nodes;
  const port = sentinel === undefined ? DEFAULT_PORT : DEFAULT_SENTINEL_PORT;
  const addresses = nodes?.map((node) => parseAddress(node, port)) ?? [{ host: config.host ?? '127.0.0.1', port: config.port ?? DEFAULT_PORT }];
  return {
    kind: sentinel !== undefined ? 'sentinel' : cluster !== undefined ? 'cluster' : 'single',
    addresses,
    database: config.database,
    username: config.username ?? 'default',
    password: config.password ?? null,
    sentinel: sentinel === undefined ? null : { name: sentinel.name, username: sentinel.username ?? 'default', password: sentinel.password ?? null },
    tls: tlsSettings(config.tls, addresses, baseFolder),
    remoteInClear: config.tls?.mode === 'disable',
    commandTimeoutMs: config.commandTimeoutMs,
    connectTimeoutMs: config.connectTimeoutMs,
  };
}

function requireTime(commandTimeoutMs: number, timeoutMs: number): void {
  if (commandTimeoutMs * COMMANDS_OF_A_QUESTION <= timeoutMs) return;
  const most = Math.floor(timeoutMs / COMMANDS_OF_A_QUESTION);
  throw new InvalidPluginConfig(
    `"commandTimeoutMs" (${commandTimeoutMs}) must be at most a third of "timeoutMs" of the entry (${timeoutMs}): ` +
      `write ${most} or less, or a "timeoutMs" of ${commandTimeoutMs * COMMANDS_OF_A_QUESTION} or more`,
  );
}

/** Reads `host`, `host:port`, `[::1]:port`. Throws InvalidPluginConfig. */
export function parseAddress(text: string, defaultPort: number): Address {
  const parts = /^(?:\[([0-9A-Fa-f:.]+)\]|([^[\]:/@\s]+))(?::(\d{1,5}))?$/.exec(text);
  const host = parts?.[1] ?? parts?.[2];
  const port = parts?.[3] === undefined ? defaultPort : Number(parts[3]);
  if (host === undefined || port < 1 || port > 65_535) {
    throw new InvalidPluginConfig(`${JSON.stringify(text)} is no address; write "host:port", or "[::1]:port" for IPv6`);
  }
  return { host, port };
}

function tlsSettings(tls: RedisConfig['tls'], addresses: readonly Address[], baseFolder: string): TlsSettings | null {
  if (tls === undefined) {
    const remote = addresses.find(({ host }) => !isLoopback(host));
    if (remote === undefined) return null;
    // Passwords, hashes and rights would go over a network in the clear because somebody forgot a line.
    throw new InvalidPluginConfig(
      `"tls" must be said for ${remote.host}, which is not this machine: {} for TLS with the authorities of the system, ` +
        `{ "ca": "<file>" } for your own, { "mode": "disable" } for none`,
    );
  }
  const { mode, ca, cert, key, servername } = tls;
  if (mode === 'disable') {
    if (ca !== undefined || cert !== undefined || key !== undefined || servername !== undefined) {
      throw new InvalidPluginConfig('"tls" has "mode": "disable" and options of TLS; take out the one or the other');
    }
    return null;
  }
  if ((cert === undefined) !== (key === undefined)) throw new InvalidPluginConfig('"tls" needs "cert" and "key" together, or neither');
  const read = (file: string | undefined): string | null => (file === undefined ? null : readPem(resolve(baseFolder, file)));
  return { ca: read(ca), cert: read(cert), key: read(key), servername: servername ?? null };
}

function readPem(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new InvalidPluginConfig(`${path}: cannot be read (${code})`);
  }
  if (!text.includes('-----BEGIN ')) throw new InvalidPluginConfig(`${path}: holds no PEM; it begins with "-----BEGIN"`);
  return text;
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** Where the server is, for people; nothing of it is secret. */
export function describeServer({ kind, addresses, sentinel }: ServerSettings): string {
  const hosts = addresses.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`).join(', ');
  if (kind === 'single') return `Redis at ${hosts}`;
  return kind === 'cluster' ? `the Redis cluster of ${hosts}` : `Redis ${sentinel?.name} of the sentinels ${hosts}`;
}
