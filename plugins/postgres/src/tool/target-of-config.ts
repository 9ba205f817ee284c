import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type ConnectionOptions, checkServerIdentity, type PeerCertificate } from 'node:tls';
import { ToolError } from '@portcullis/sdk/tools';
import { describeServer, parseServer, type Server } from '../hosts.js';
import { type Environment, isLocalHost, readPem, type Target } from './target.js';

const PACKAGE = '@portcullis/plugin-postgres';
const DEFAULT_PORT = 5432;

type Fields = Readonly<Record<string, unknown>>;

/**
 * The database of an entry of `plugins.json`, once for each of its hosts. The file is read by the broker with far more care (`portcullis check`);
 * here anything that is not as it must be is an error, too, but not every mistake in the file is seen.
 *
 * PGUSER, when set, is who connects, with PGPASSWORD or a password file: the broker's own role can only read.
 */
export function targetsOfConfig(file: string, plugin: string | null, env: Environment): readonly Target[] {
  const entry = findEntry(file, plugin);
  const config = fieldsOf(entry.config ?? {}, `${file}: the entry's "config"`);
  if (config.queries !== undefined) throw new ToolError(`${file}: this entry reads tables of your own ("queries"); the tool works on its own schema`);
  const folder = dirname(resolve(file));
  const text = (key: string) => textOf(config[key], `${file}: "${key}"`, folder, env);
  const port = config.port === undefined ? DEFAULT_PORT : Number(config.port);
  const hosts = Array.isArray(config.host) ? config.host : [config.host ?? '127.0.0.1'];
  const database = text('database');
  const overridden = env.PGUSER !== undefined && env.PGUSER !== '';
  const password = overridden ? undefined : text('password');
  return hosts.map((host: unknown) => {
    const server = typeof host === 'string' ? parseServer(host, port) : null;
    if (server === null) throw new ToolError(`${file}: "host" has no server in ${JSON.stringify(host)}`);
    return {
      config: {
        host: server.host,
        port: server.port,
        ...(database !== undefined && { database }),
        user: overridden ? env.PGUSER : text('user'),
        ...(password !== undefined && { password }),
        ssl: tlsOf(config.tls, server, file, folder),
      },
      host: server.host,
      where: `${describeServer(server)}/${database ?? ''}`,
      schema: text('schema') ?? null,
    };
  });
}

function findEntry(file: string, wanted: string | null): Fields {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : null;
    throw new ToolError(code === null ? `${file} is not JSON; portcullis check says where` : `${file} cannot be read (${code})`);
  }
  const plugins = Object.entries(fieldsOf(fieldsOf(parsed, file).plugins ?? {}, `${file}: "plugins"`));
  if (wanted !== null) {
    const found = plugins.find(([name]) => name === wanted);
    if (found === undefined)
      throw new ToolError(`${file} has no plugin ${JSON.stringify(wanted)}; it has ${plugins.map(([name]) => name).join(', ')}`);
    return fieldsOf(found[1], `${file}: "${wanted}"`);
  }
  const ours = plugins.filter(([, entry]) => fieldsOf(entry, file).use === PACKAGE);
  if (ours.length === 1) return fieldsOf(ours[0]?.[1], file);
  if (ours.length === 0) throw new ToolError(`${file} has no entry with "use": "${PACKAGE}"; --plugin names one that is used from elsewhere`);
  throw new ToolError(`${file} has ${ours.length} entries of this plugin (${ours.map(([name]) => name).join(', ')}); --plugin names one`);
}

function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ToolError(`${what} is no object`);
  return value as Fields;
}

/** A text of the file, or of what it refers to. The message never holds the text. */
function textOf(value: unknown, what: string, folder: string, env: Environment): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  const { $env: variable, $file: path } = fieldsOf(value, what);
  if (typeof variable === 'string') {
    const text = env[variable];
    if (text === undefined || text === '') throw new ToolError(`${what}: the environment variable ${variable} is not set`);
    return text;
  }
  if (typeof path !== 'string') throw new ToolError(`${what} is neither text nor {"$env": …} nor {"$file": …}`);
  // Editors and echo end a file with a line break; no one means it.
  return readPem(resolve(folder, path), what).replace(/\r?\n$/, '');
}

function tlsOf(given: unknown, server: Server, file: string, folder: string): ConnectionOptions | false {
  const tls = fieldsOf(given ?? {}, `${file}: "tls"`);
  const { servername } = tls;
  if (tls.mode === 'disable') return false;
  if (given === undefined && isLocalHost(server.host)) return false;
  const pem = (key: string) => {
    const path = tls[key];
    return typeof path === 'string' ? { [key]: readPem(resolve(folder, path), `${file}: "tls.${key}"`) } : {};
  };
  return {
    rejectUnauthorized: true,
    ...pem('ca'),
    ...pem('cert'),
    ...pem('key'),
    // The driver puts the host into the place of "servername" where it is a name, so the name to be verified is said here.
    ...(typeof servername === 'string' && {
      checkServerIdentity: (_host: string, certificate: PeerCertificate) => checkServerIdentity(servername, certificate),
    }),
  };
}
