import { BackendUnavailable } from '@portcullis/sdk';
import { type Cluster, Redis } from 'ioredis';
import { chooseDatabase, retryDelayMs } from './connections.js';
import { asUnavailable } from './redis-errors.js';
import type { Address } from './settings.js';

/** One command, in lower case, with its arguments. */
export type Command = readonly [name: string, ...args: readonly string[]];

/** What is said about the connection, when it changes. */
export interface LookupEvents {
  /** A connection stands and has been found to be to a primary. */
  ready(): void;
  /** The text has no secret in it. */
  trouble(problem: string): void;
  /** A primary answers. `history` changes when it is another server, was started anew, or was promoted. */
  primary?(history: string): void;
}

const REPLICA = 'is a replica there; users and rights are read from a primary, which Sentinel or a cluster would find';

/**
 * Asks Redis, each question within its time and without a queue: what cannot be sent now is refused now. An answer that comes after its time is
 * dropped by the driver. Every failure is `BackendUnavailable`, but for a key of another type.
 *
 * Reads from a primary only. A server that is found to be a replica counts as down: what it says may be older than what was revoked.
 */
export class Lookups {
  readonly #open: () => Redis | Cluster;
  readonly #what: string;
  readonly #timeoutMs: number;
  readonly #events: LookupEvents;
  #client: Redis | Cluster;
  /** Of the present connection; a cluster finds its primaries itself. */
  #role: 'unknown' | 'primary' | 'replica' = 'unknown';
  #roleQuestion: Promise<void> | null = null;
  /** The driver rejects with less than its events have told. */
  #lastError: unknown = null;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  /** `open` makes a client that has not connected yet. */
  constructor(open: () => Redis | Cluster, what: string, timeoutMs: number, events: LookupEvents) {
    this.#open = open;
    this.#what = what;
    this.#timeoutMs = timeoutMs;
    this.#events = events;
    this.#client = this.#attached(open());
  }

  #attached(client: Redis | Cluster): Redis | Cluster {
    client.on('error', (error: unknown) => this.#trouble(error));
    client.on('end', () => this.#ended(client));
    if (client instanceof Redis) {
      this.#role = 'unknown';
      client.on('close', () => this.#forgetRole());
      client.on('ready', () => this.#ready());
    } else {
      this.#role = 'primary';
      client.on('node error', (error: unknown) => this.#trouble(error));
      client.on('ready', () => this.#events.ready());
    }
    return client;
  }

  /** The driver gives up for good when Sentinel tells of a new primary in the very moment in which a connection is being made. */
  #ended(client: Redis | Cluster): void {
    if (this.#closed || this.#client !== client) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      this.#client = this.#attached(this.#open());
      // What goes wrong is told by its events.
      this.#client.connect().catch(() => undefined);
    }, retryDelayMs(1));
  }

  /** Primaries of a cluster that are known; none for a single server. */
  get nodes(): readonly Address[] {
    if (this.#client instanceof Redis) return [];
    return this.#client.nodes('master').map(({ options }) => ({ host: options.host ?? '', port: options.port ?? 0 }));
  }

  /** Connects for the first time. Rejects with BackendUnavailable; attempts go on in any case until `close`. */
  async connect(timeoutMs: number): Promise<void> {
    try {
      await within(this.#client.connect(), timeoutMs);
    } catch (error) {
      throw asUnavailable(this.#lastError ?? error, this.#what);
    }
    await this.#requirePrimary();
  }

  /** Sends commands in one go and gives their answers in order. In a cluster all must be about keys of one tenant. */
  async ask(commands: readonly Command[]): Promise<readonly unknown[]> {
    return await this.#run(() => this.#client.pipeline(commands.map((command) => [...command])).exec());
  }

  /** The same as one transaction: nothing happens between the commands. The first answer is that of the first command. */
  async askAtOnce(commands: readonly Command[]): Promise<readonly unknown[]> {
    return await this.#run(() => this.#client.multi(commands.map((command) => [...command])).exec());
  }

  /** Looks again whether the server answers and is a primary: one that is demoted by hand keeps its connections. */
  async check(): Promise<void> {
    if (this.#client instanceof Redis) await this.#readRole(this.#client);
    await this.#requirePrimary();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#client.disconnect();
  }

  async #run(send: () => Promise<[error: Error | null, result: unknown][] | null>): Promise<readonly unknown[]> {
    if (this.#role !== 'primary') await this.#requirePrimary();
    let answers: [error: Error | null, result: unknown][] | null;
    try {
      // The driver tries nodes of a cluster one after the other, each within the time of a command: together they must not take longer.
      answers = await within(send(), this.#timeoutMs);
    } catch (error) {
      throw asUnavailable(error, this.#what);
    }
    if (answers === null) throw new BackendUnavailable(`${this.#what} gave up a transaction`);
    return answers.map(([error, result]) => {
      if (error !== null) throw asUnavailable(error, this.#what);
      return result;
    });
  }

  async #requirePrimary(): Promise<void> {
    if (this.#role === 'unknown' && this.#client instanceof Redis) await this.#readRole(this.#client);
    if (this.#role !== 'primary') throw new BackendUnavailable(`${this.#what} ${REPLICA}`);
  }

  #readRole(client: Redis): Promise<void> {
    this.#roleQuestion ??= this.#askRole(client).finally(() => {
      this.#roleQuestion = null;
    });
    return this.#roleQuestion;
  }

  async #askRole(client: Redis): Promise<void> {
    let info: string;
    try {
      // Sent in one go, and answered in this order: who is known to be a primary is known to be read in the right database.
      const both = Promise.all([chooseDatabase(client, this.#what), client.info('replication')]);
      [, info] = await within(both, this.#timeoutMs);
    } catch (error) {
      this.#forgetRole();
      throw asUnavailable(error, this.#what);
    }
    if (this.#client !== client) throw new BackendUnavailable(`${this.#what} was connected to anew meanwhile`);
    this.#role = /^role:master\r?$/m.test(info) ? 'primary' : 'replica';
    const history = /^master_replid:([0-9a-f]+)\r?$/m.exec(info)?.[1];
    if (this.#role === 'primary' && history !== undefined) this.#events.primary?.(history);
  }

  #forgetRole(): void {
    this.#role = 'unknown';
  }

  #ready(): void {
    this.#requirePrimary().then(
      () => this.#events.ready(),
      (error: unknown) => this.#trouble(error),
    );
  }

  #trouble(error: unknown): void {
    this.#lastError = error;
    if (!this.#closed) this.#events.trouble(asUnavailable(error, this.#what).message);
  }
}

async function within<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('Command timed out')), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
    promise.catch(() => {});
  }
}
