import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownFolder, removeFolder } from './guardian.js';
import { poll } from './poll.js';
import { freePort } from './ports.js';
import type { TlsFiles } from './postgres.js';
import { cluster } from './redis-cluster.js';
import { sendCommand } from './redis-command.js';
import { findRedis, type RedisProgram } from './redis-programs.js';
import { ServerProcess } from './server-process.js';

const START_MS = 30_000;
const PORT_ATTEMPTS = 5;

/** The name under which Sentinels know the server that they watch. */
export const SENTINEL_NAME = 'mymaster';
/** Distance from a node's port to the one on which the nodes of a cluster talk to each other. */
const CLUSTER_BUS = 10_000;

export interface RedisOptions {
  /** Any free one if absent. */
  readonly port?: number;
  /** Lines of `redis.conf`, in addition to ours and stronger; a list gives several lines of one name. `''` is written as `""`. */
  readonly config?: Readonly<Record<string, string | readonly string[]>>;
  /** The server then speaks nothing but TLS; with `ca` it judges certificates that clients send, and demands none. */
  readonly tls?: TlsFiles;
  /** Makes this server a replica of that one, and waits until it follows. */
  readonly replicaOf?: RedisServer;
  /** Makes this server a Sentinel that watches that one as `mymaster`, alone enough to have it replaced. Start the replicas first. */
  readonly sentinelOf?: RedisServer;
  /** Three masters that share the slots; `nodes` are the single ones, everything else is said of all at once. */
  readonly cluster?: boolean;
  /** Which program to run; the one that `findRedis` finds if absent. */
  readonly program?: RedisProgram;
}

/** A Redis server of its own on 127.0.0.1. */
export interface RedisServer {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly folder: string;
  /** Of the user `default`, empty when none is asked for. */
  readonly password: string;
  readonly tls: TlsFiles | null;
  /** Process id; null while the server is stopped. */
  readonly pid: number | null;
  /** The nodes of a cluster; otherwise the server alone. */
  readonly nodes: readonly RedisServer[];
  url(): string;
  /** Ends it as an administrator would (SIGTERM), and waits. */
  stop(): Promise<void>;
  /** Ends it by SIGKILL, and waits. */
  kill(): Promise<void>;
  /** Starts it again with the same port and data, and waits until it answers. */
  start(): Promise<void>;
  /** Stops it where it is (SIGSTOP): connections stay open and new ones are taken, nothing answers. */
  freeze(): void;
  /** Lets it go on (SIGCONT). */
  thaw(): void;
  /** Ends it and removes all its files. */
  dispose(): Promise<void>;
  /** Sends one command and gives the reply; rejects with the server's error, or after 5 s without an answer. */
  command(...args: string[]): Promise<unknown>;
}

type Lines = Record<string, string | readonly string[]>;

class Server implements RedisServer {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly folder: string;
  readonly tls: TlsFiles | null;
  readonly nodes: readonly RedisServer[] = [this];
  readonly #password: string;
  readonly #program: RedisProgram;
  readonly #sentinel: boolean;
  #process: ServerProcess | null = null;

  constructor(program: RedisProgram, folder: string, port: number, options: RedisOptions) {
    this.#program = program;
    this.folder = folder;
    this.port = port;
    this.tls = options.tls ?? null;
    this.#sentinel = options.sentinelOf !== undefined;
    const password = options.config?.requirepass;
    this.#password = typeof password === 'string' ? password : '';
  }

  get password(): string {
    return this.#password;
  }

  get pid(): number | null {
    return this.#process?.running === true ? this.#process.pid : null;
  }

  url(): string {
    const secret = this.#password === '' ? '' : `:${encodeURIComponent(this.#password)}@`;
    return `${this.tls === null ? 'redis' : 'rediss'}://${secret}${this.host}:${this.port}`;
  }

  async start(): Promise<void> {
    if (this.pid !== null) throw new Error('the Redis server runs already');
    const server = new ServerProcess({
      program: this.#program.path,
      args: [join(this.folder, 'redis.conf'), ...(this.#sentinel ? ['--sentinel'] : [])],
      env: this.#program.env,
      as: {},
      logFile: join(this.folder, 'log'),
      stopSignal: 'SIGTERM',
      abandonSignal: 'SIGKILL',
    });
    this.#process = server;
    try {
      await poll('Redis to be ready', START_MS, async () => !server.running || (await this.#isReady()));
    } catch (error) {
      await server.kill();
      throw error;
    }
    if (!server.running) throw new Error(`Redis ended while it started:\n${server.lastWords()}`);
  }

  async #isReady(): Promise<boolean> {
    try {
      return (await this.command('PING')) === 'PONG';
    } catch (error) {
      // A user without rights, a replica without its primary: it answers, and that is what is waited for.
      return error instanceof Error && /^(?:NOAUTH|NOPERM|WRONGPASS|MASTERDOWN|DENIED)/.test(error.message);
    }
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  freeze(): void {
    if (this.#process === null) throw new Error('the Redis server was never started');
    this.#process.freeze();
  }

  thaw(): void {
    this.#process?.thaw();
  }

  async dispose(): Promise<void> {
    await this.#process?.abandon();
    removeFolder(this.folder);
  }

  command(...args: string[]): Promise<unknown> {
    return sendCommand(this, args);
  }
}

function writeTls(folder: string, tls: TlsFiles): Lines {
  const lines: Lines = { 'tls-auth-clients': tls.ca === undefined ? 'no' : 'optional', 'tls-replication': 'yes', 'tls-cluster': 'yes' };
  // The server wants to know an authority in any case; without one, its own certificate harms nobody.
  for (const [name, text] of Object.entries({ cert: tls.cert, key: tls.key, ca: tls.ca ?? tls.cert })) {
    const file = join(folder, `${name}.pem`);
    writeFileSync(file, text, { mode: 0o600 });
    lines[`tls-${name === 'ca' ? 'ca-cert' : name}-file`] = file;
  }
  return lines;
}

function modeLines({ replicaOf, sentinelOf, cluster: isCluster }: RedisOptions): Lines {
  if (sentinelOf !== undefined) {
    const { host, port, password } = sentinelOf;
    return {
      'sentinel monitor': `${SENTINEL_NAME} ${host} ${port} 1`,
      'sentinel down-after-milliseconds': `${SENTINEL_NAME} 500`,
      'sentinel failover-timeout': `${SENTINEL_NAME} 3000`,
      ...(password === '' ? {} : { 'sentinel auth-pass': `${SENTINEL_NAME} ${password}` }),
    };
  }
  // Data outlives the process, a killed one too: what was answered has been handed to the system.
  const lines: Lines = { save: '', appendonly: 'yes', appendfsync: 'no', 'repl-diskless-sync-delay': '0' };
  if (replicaOf !== undefined) lines.replicaof = `${replicaOf.host} ${replicaOf.port}`;
  if (replicaOf !== undefined && replicaOf.password !== '') lines.masterauth = replicaOf.password;
  if (isCluster === true) Object.assign(lines, { 'cluster-enabled': 'yes', 'cluster-node-timeout': '2000' });
  return lines;
}

function writeConfig(folder: string, port: number, options: RedisOptions): void {
  const { tls, config = {} } = options;
  const lines: Lines = {
    bind: '127.0.0.1',
    dir: folder,
    daemonize: 'no',
    ...(tls === undefined ? { port: String(port) } : { port: '0', 'tls-port': String(port), ...writeTls(folder, tls) }),
    ...modeLines(options),
    ...config,
  };
  const text = Object.entries(lines).flatMap(([name, value]) => [value].flat().map((one) => `${name} ${one === '' ? '""' : one}\n`));
  // A Sentinel writes what it learns into its own file.
  writeFileSync(join(folder, 'redis.conf'), text.join(''), { mode: 0o600 });
}

async function startOne(program: RedisProgram, options: RedisOptions): Promise<RedisServer> {
  for (let attempt = 1; ; attempt++) {
    const folder = ownFolder('portcullis-redis-');
    const port = options.port ?? (await freePort(options.cluster === true ? [CLUSTER_BUS] : []));
    const server = new Server(program, folder, port, options);
    try {
      chmodSync(folder, 0o700);
      writeConfig(folder, port, options);
      await server.start();
      await whenJoined(server, options);
      return server;
    } catch (error) {
      await server.dispose();
      // Somebody else was given the port between our look and the server's.
      const taken = error instanceof Error && /[Aa]ddress already in use/.test(error.message);
      if (options.port !== undefined || !taken || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

/** Waits until a replica follows, and until a Sentinel knows as many replicas as there are. */
async function whenJoined(server: RedisServer, { replicaOf, sentinelOf }: RedisOptions): Promise<void> {
  if (replicaOf !== undefined) {
    await poll('the replica to follow', START_MS, async () => String(await server.command('INFO', 'replication')).includes('master_link_status:up'));
  }
  if (sentinelOf !== undefined) {
    const info = String(await sentinelOf.command('INFO', 'replication'));
    const replicas = Number(/connected_slaves:(\d+)/.exec(info)?.[1] ?? 0);
    await poll('the Sentinel to know all replicas', START_MS, async () => {
      const known = await server.command('SENTINEL', 'REPLICAS', SENTINEL_NAME);
      return Array.isArray(known) && known.length >= replicas;
    });
  }
}

/**
 * Starts a Redis (or Valkey) server of its own on 127.0.0.1 and waits until it answers. It ends with the process that started
 * it, in whatever way that ends.
 */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const program = options.program ?? findRedis();
  if (options.cluster !== true) return await startOne(program, options);
  if (options.port !== undefined) throw new Error('the nodes of a cluster cannot share one port');
  return await cluster(() => startOne(program, options));
}
