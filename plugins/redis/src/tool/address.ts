import { readFileSync } from 'node:fs';
import { InvalidPluginConfig } from '@portcullis/sdk';
import { ToolError, UsageError } from '@portcullis/sdk/tools';
import { type Address, parseAddress, type ServerSettings } from '../settings.js';
import type { ToolArguments } from './arguments.js';

/** The variables that say where the server is and who asks. */
export const URL_VARIABLE = 'PORTCULLIS_REDIS_URL';
export const PASSWORD_VARIABLE = 'PORTCULLIS_REDIS_PASSWORD';
export const SENTINEL_PASSWORD_VARIABLE = 'PORTCULLIS_REDIS_SENTINEL_PASSWORD';

const DEFAULT_URL = 'redis://127.0.0.1:6379';
const COMMAND_TIMEOUT_MS = 5000;
const PARTS = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/]*)@)?([^@/?#]+)(?:\/([^?#]*))?$/;

/** What to connect to, by the command line and the environment. Throws UsageError, or ToolError for a file; never with a password in it. */
export function serverOf({ url, tls, secretsShown }: ToolArguments, env: Readonly<Record<string, string | undefined>>): ServerSettings {
  const address = url ?? env[URL_VARIABLE] ?? DEFAULT_URL;
  const parts = PARTS.exec(address);
  if (parts === null)
    throw new UsageError('the address of the server begins with redis:// or rediss://, or one of them with +sentinel or +cluster; see --help');
  const [, scheme, kind = 'single', user = '', hosts = '', path = ''] = parts;
  const { username, password } = credentialsOf(user);
  if (url !== null && password !== null && !secretsShown) {
    throw new UsageError(`--url shows its password to other users of the machine; put it into ${PASSWORD_VARIABLE}, or say -b`);
  }
  const isTls = scheme === 'rediss';
  if (!isTls && Object.keys(tls).length > 0) throw new UsageError('--ca, --cert, --key and --servername are for an address that begins with rediss');
  const nodes = hosts.split(',').map((host) => addressOf(host, kind));
  if (kind === 'single' && nodes.length > 1) throw new UsageError('several servers need +sentinel or +cluster in the address');
  const [name, database] = kind === 'sentinel' ? [path.split('/')[0] ?? '', path.split('/').slice(1).join('/')] : ['', path];
  if (kind === 'sentinel' && name === '') throw new UsageError('an address with +sentinel ends with the name of the primary: …/mymaster');
  if (kind === 'cluster' && database !== '') throw new UsageError('a cluster has no numbers of databases');
  return {
    kind: kind as ServerSettings['kind'],
    addresses: nodes,
    database: databaseOf(database),
    username: username ?? 'default',
    password: password ?? env[PASSWORD_VARIABLE] ?? null,
    sentinel: kind === 'sentinel' ? { name: decoded(name), username: 'default', password: env[SENTINEL_PASSWORD_VARIABLE] ?? null } : null,
    tls: isTls ? { ca: read(tls.ca), cert: read(tls.cert), key: read(tls.key), servername: tls.servername ?? null } : null,
    // The address says in so many words whether TLS is made.
    remoteInClear: !isTls,
    commandTimeoutMs: COMMAND_TIMEOUT_MS,
    connectTimeoutMs: COMMAND_TIMEOUT_MS,
  };
}

function credentialsOf(user: string): { readonly username: string | null; readonly password: string | null } {
  const at = user.indexOf(':');
  const name = at < 0 ? user : user.slice(0, at);
  const password = at < 0 ? '' : user.slice(at + 1);
  return { username: name === '' ? null : decoded(name), password: password === '' ? null : decoded(password) };
}

function addressOf(text: string, kind: string): Address {
  try {
    return parseAddress(text, kind === 'sentinel' ? 26_379 : 6379);
  } catch (error) {
    if (error instanceof InvalidPluginConfig) throw new UsageError('a server in the address is not host:port');
    throw error;
  }
}

function databaseOf(text: string): number {
  if (text === '') return 0;
  if (!/^[0-9]{1,6}$/.test(text)) throw new UsageError('the address ends with the number of the database');
  return Number(text);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new UsageError('the address holds a % that begins no code; write %25 for a percent sign');
  }
}

function read(file: string | undefined): string | null {
  if (file === undefined) return null;
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ToolError(`${file}: cannot be read (${error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'})`);
  }
}
