import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownFolder, removeFolder } from './guardian.js';
import { makeOwned, writeOwned } from './owned-files.js';
import { poll } from './poll.js';
import { freePort } from './ports.js';
import { newCluster, releaseMemory, secureCluster } from './postgres-data.js';
import { findPostgres, type PostgresPrograms } from './postgres-programs.js';
import { copyRunning } from './postgres-standby.js';
import { ServerProcess, unprivileged } from './server-process.js';

const START_MS = 60_000;
const PORT_ATTEMPTS = 5;

/** A certificate with its key, and the authority that judges the other side's; all PEM. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string;
}

export interface PostgresOptions {
  /** Any free one if absent. */
  readonly port?: number;
  /** Settings of `postgresql.conf`, in addition to ours and stronger. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The server then takes connections with and without TLS; with `ca` it judges certificates that clients send. */
  readonly tls?: TlsFiles;
  /** How clients prove themselves; `trust` if absent. */
  readonly auth?: 'trust' | 'scram-sha-256';
  /** Password of the user `postgres`; for `scram-sha-256`, where it is `postgres` if absent. */
  readonly password?: string;
  /** Makes this server a streaming replica of that one, which must run; its user and password are the same. */
  readonly standbyOf?: PostgresServer;
  /** Which programs to run; those that `findPostgres` finds if absent. */
  readonly programs?: PostgresPrograms;
}

/** A PostgreSQL server of its own on 127.0.0.1. */
export interface PostgresServer {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly user: 'postgres';
  /** Password of the user, empty when none is asked for. */
  readonly password: string;
  readonly dataFolder: string;
  /** Process id of the postmaster; null while the server is stopped. */
  readonly pid: number | null;
  /** Address of a database, `postgres` if none is named. */
  url(database?: string): string;
  /** Ends it as an administrator would (SIGINT), and waits. */
  stop(): Promise<void>;
  /** Ends the postmaster and its children by SIGKILL, and waits. */
  kill(): Promise<void>;
  /** Starts it again with the same port and data, and waits until it answers. */
  start(): Promise<void>;
  /** Stops every process of it where it is (SIGSTOP): connections stay open and new ones are taken, nothing answers. */
  freeze(): void;
  /** Lets it go on (SIGCONT). */
  thaw(): void;
  /** Ends it and removes all its files. */
  dispose(): Promise<void>;
}

const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  // The path of a socket in a temporary folder is soon too long, and nobody needs one.
  unix_socket_directories: '',
  // A crash of the machine may lose test data. A killed process must not: what is committed has been handed to the system.
  fsync: 'off',
  full_page_writes: 'off',
  // Memory that a killed server leaves behind goes with its folder.
  dynamic_shared_memory_type: 'mmap',
  log_destination: 'stderr',
  logging_collector: 'off',
  // So that a standby made a while ago still finds what it needs.
  wal_keep_size: '256MB',
  timezone: 'UTC',
};

class Server implements PostgresServer {
  readonly host = '127.0.0.1';
  readonly user = 'postgres';
  readonly port: number;
  readonly dataFolder: string;
  readonly #password: string;
  readonly #folder: string;
  readonly #programs: PostgresPrograms;
  readonly #settings: Readonly<Record<string, string>>;
  #process: ServerProcess | null = null;

  constructor(programs: PostgresPrograms, folder: string, port: number, password: string, settings: Readonly<Record<string, string>>) {
    this.#programs = programs;
    this.#folder = folder;
    this.dataFolder = join(folder, 'data');
    this.port = port;
    this.#password = password;
    this.#settings = { ...SETTINGS, ...settings, port: String(port) };
  }

  get password(): string {
    return this.#password;
  }

  get pid(): number | null {
    return this.#process?.running === true ? this.#process.pid : null;
  }

  url(database = 'postgres'): string {
    const secret = this.#password === '' ? '' : `:${encodeURIComponent(this.#password)}`;
    return `postgres://${this.user}${secret}@${this.host}:${this.port}/${encodeURIComponent(database)}`;
  }

  async start(): Promise<void> {
    if (this.pid !== null) throw new Error('the PostgreSQL server runs already');
    const server = new ServerProcess({
      program: this.#programs.postgres,
      args: ['-D', this.dataFolder, ...Object.entries(this.#settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      env: {},
      as: unprivileged(),
      logFile: join(this.#folder, 'log'),
      stopSignal: 'SIGINT',
      abandonSignal: 'SIGQUIT',
    });
    this.#process = server;
    try {
      await poll('PostgreSQL to be ready', START_MS, () => !server.running || this.#isReady(server.pid));
    } catch (error) {
      await server.kill();
      throw error;
    }
    if (!server.running) throw new Error(`PostgreSQL ended while it started:\n${server.lastWords()}`);
  }

  /** What `pg_ctl` looks at: the file of the postmaster says whose it is, and in its eighth line how far it has come. */
  #isReady(pid: number): boolean {
    try {
      const lines = readFileSync(join(this.dataFolder, 'postmaster.pid'), 'utf8').split('\n');
      return lines[0] === String(pid) && lines[7]?.trim() === 'ready';
    } catch {
      return false;
    }
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  freeze(): void {
    if (this.#process === null) throw new Error('the PostgreSQL server was never started');
    this.#process.freeze();
  }

  thaw(): void {
    this.#process?.thaw();
  }

  async dispose(): Promise<void> {
    await this.#process?.abandon();
    releaseMemory(this.dataFolder);
    removeFolder(this.#folder);
  }
}

function tlsSettings(folder: string, tls: TlsFiles | undefined): Record<string, string> {
  if (tls === undefined) return { ssl: 'off' };
  const settings: Record<string, string> = { ssl: 'on' };
  for (const [name, text] of Object.entries({ cert: tls.cert, key: tls.key, ca: tls.ca })) {
    if (text === undefined) continue;
    const file = join(folder, `server-${name}.pem`);
    writeOwned(file, text);
    settings[`ssl_${name}_file`] = file;
  }
  return settings;
}

/**
 * Starts a PostgreSQL server of its own on 127.0.0.1 and waits until it answers. It ends with the process that started it, in
 * whatever way that ends. Root runs it as the user without rights.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const { standbyOf, auth = 'trust', settings = {} } = options;
  const programs = options.programs ?? findPostgres();
  const password = standbyOf?.password ?? options.password ?? (auth === 'trust' ? '' : 'postgres');
  const folder = ownFolder('portcullis-postgres-');
  try {
    // Everybody may enter the outer folder; the inner one is for the server alone.
    chmodSync(folder, 0o755);
    const data = join(folder, 'data');
    makeOwned(data);
    if (standbyOf === undefined) {
      newCluster(programs, data);
      await secureCluster(programs, data, auth, password);
    } else {
      await copyRunning(standbyOf, data);
    }
    const all = { ...tlsSettings(folder, options.tls), ...settings };
    for (let attempt = 1; ; attempt++) {
      const server = new Server(programs, folder, options.port ?? (await freePort()), password, all);
      try {
        await server.start();
        return server;
      } catch (error) {
        // Somebody else was given the port between our look and the server's.
        const taken = error instanceof Error && /could not bind/.test(error.message);
        if (options.port !== undefined || !taken || attempt === PORT_ATTEMPTS) throw error;
      }
    }
  } catch (error) {
    removeFolder(folder);
    throw error;
  }
}
