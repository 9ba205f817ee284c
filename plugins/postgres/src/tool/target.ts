import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { ToolError } from '@portcullis/sdk/tools';
import type { ClientConfig } from 'pg';

/** Which database to use, and how it is called when something is said about it. */
export interface Target {
  readonly config: ClientConfig;
  /** Name, address, or folder of a Unix socket. */
  readonly host: string;
  /** Host, port and database, without anything secret. */
  readonly where: string;
  /** Null: the default. */
  readonly schema: string | null;
}

/** Environment variables, as of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The variable for those who keep the address in one. */
export const URL_VARIABLE = 'PORTCULLIS_POSTGRES_URL';

/** What `sslmode` may say. All but `disable` verify: a server that is not who it says would get the hashes, and send its own. */
const VERIFYING = ['require', 'verify-ca', 'verify-full'];

/** The database of an address, of `PORTCULLIS_POSTGRES_URL`, or of PGHOST and the like. `secretsShown`: the address may hold a password. */
export function targetOf(url: string | null, env: Environment, secretsShown: boolean): Target {
  if (url !== null) return targetOfUrl(url, env, '--url', secretsShown);
  const fromVariable = env[URL_VARIABLE];
  if (fromVariable !== undefined && fromVariable !== '') return targetOfUrl(fromVariable, env, URL_VARIABLE, true);
  const host = env.PGHOST ?? 'localhost';
  const tls = tlsOf(host, { mode: env.PGSSLMODE, rootCert: env.PGSSLROOTCERT, cert: env.PGSSLCERT, key: env.PGSSLKEY }, 'PGSSLMODE');
  return {
    config: { host, ssl: tls },
    host,
    where: `${host}:${env.PGPORT ?? 5432}/${env.PGDATABASE ?? env.PGUSER ?? ''}`,
    schema: null,
  };
}

function targetOfUrl(text: string, env: Environment, name: string, mayHoldPassword: boolean): Target {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    // The text is not repeated: it may hold a password.
    throw new ToolError(`${name} is no address; write postgres://user@host:5432/database`);
  }
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') throw new ToolError(`${name} does not begin with postgres://`);
  if (!mayHoldPassword && (url.password !== '' || url.searchParams.has('password'))) {
    throw new ToolError(
      `${name} holds a password, which other users of the machine can see; put it into PGPASSWORD, a password file or ${URL_VARIABLE}, or say -b`,
    );
  }
  const host = url.searchParams.get('host') ?? (decodeURIComponent(url.hostname) || (env.PGHOST ?? 'localhost'));
  const parameter = (key: string) => {
    const value = url.searchParams.get(key) ?? undefined;
    url.searchParams.delete(key);
    return value;
  };
  const mode = parameter('sslmode') ?? env.PGSSLMODE;
  const files = { rootCert: parameter('sslrootcert') ?? env.PGSSLROOTCERT, cert: parameter('sslcert'), key: parameter('sslkey') };
  if (parameter('ssl') !== undefined) throw new ToolError(`${name} has "ssl"; say sslmode=verify-full or sslmode=disable`);
  return {
    config: { connectionString: url.href, ssl: tlsOf(host, { mode, ...files }, `sslmode in ${name}`) },
    host,
    where: `${host}:${url.port === '' ? (env.PGPORT ?? 5432) : url.port}${url.pathname}`,
    schema: null,
  };
}

interface TlsWords {
  readonly mode: string | undefined;
  readonly rootCert: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

function tlsOf(host: string, { mode, rootCert, cert, key }: TlsWords, name: string): ConnectionOptions | false {
  if (mode === 'disable') return false;
  if (mode !== undefined && mode !== '' && !VERIFYING.includes(mode)) {
    throw new ToolError(
      `${name} is ${JSON.stringify(mode)}; verify-full encrypts and verifies, disable does neither, and nothing in between is safe`,
    );
  }
  if ((mode === undefined || mode === '') && isLocalHost(host) && rootCert === undefined) return false;
  return {
    rejectUnauthorized: true,
    ...(rootCert !== undefined && { ca: readPem(rootCert, 'sslrootcert') }),
    ...(cert !== undefined && { cert: readPem(cert, 'sslcert') }),
    ...(key !== undefined && { key: readPem(key, 'sslkey') }),
  };
}

/** Whether what is sent never leaves the machine. */
export function isLocalHost(host: string): boolean {
  return host === '' || host.startsWith('/') || host === 'localhost' || host === '::1' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

export function readPem(path: string, name: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    throw new ToolError(`${name}: ${JSON.stringify(path)} cannot be read (${code})`);
  }
}
