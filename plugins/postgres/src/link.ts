import { BackendUnavailable } from '@portcullis/sdk';
import type pg from 'pg';
import { destroy } from './connect.js';
import { breaksConnection, errorText } from './database-errors.js';
import { type RealTimers, retryDelayMs } from './real-timers.js';
import type { Statement } from './statements.js';
import { MalformedAnswer } from './types.js';

/** Questions of one connection that have no answer yet; the host bounds them as well. */
const MAX_OUTSTANDING = 1024;
/** Bytes of one answer: what is longer is no user and no rule. */
export const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** How much longer than the server may take is waited: then it does not even give up any more. */
const PATIENCE_MS = 250;

/** The connection was lost with a question that had not begun yet: it may be put again elsewhere. */
export class LinkLost extends BackendUnavailable {}

/** A question that was put. */
export interface Asked {
  readonly rows: Promise<pg.QueryArrayResult<unknown[]>>;
  /** Whether the server works on another one that was put before it, and has for so many milliseconds. */
  isHeldUp(milliseconds: number): boolean;
}

export interface LinkOptions {
  readonly timers: RealTimers;
  readonly statementTimeoutMs: number;
  /** Prepared as soon as it is connected, so that what does not work shows before somebody waits for it. */
  readonly statements: readonly Statement[];
  connect(): Promise<pg.Client>;
  changed(isUp: boolean, why: string): void;
  /** A try to connect again has ended; null when it has succeeded. */
  tried(error: unknown): void;
}

interface Open {
  fail(error: Error): void;
}

/** One pipelined connection for questions, made again whenever it is lost. */
export class Link {
  readonly #options: LinkOptions;
  #client: pg.Client | null = null;
  #open: Open[] = [];
  #receivedBytes = 0;
  /** Since when the server works on the first of them. */
  #firstSince = 0;
  #cancelTimer: () => void = () => {};
  #failures = 0;
  #isStopped = false;
  #isUp = false;
  #hasBeenUp = false;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Whether it was lost a moment ago, and nothing says yet that it will not be back in another. */
  get isReturning(): boolean {
    return this.#hasBeenUp && !this.#isUp && !this.#isStopped && this.#failures === 0;
  }

  /** Questions that wait for their answer. */
  get outstanding(): number {
    return this.#open.length;
  }

  /** Connects, once; from then on it is tried again by itself. Rejects with what stood in the way. */
  async start(): Promise<void> {
    try {
      await this.#connect();
    } catch (error) {
      this.#again();
      throw error;
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.lose('the plugin stops');
  }

  /** Gives the connection up; it is made anew. */
  lose(why: string, firstError: Error = new BackendUnavailable(why)): void {
    const client = this.#client;
    if (client === null) return;
    this.#client = null;
    const wasUp = this.#isUp;
    this.#isUp = false;
    this.#cancelTimer();
    destroy(client);
    const [first, ...others] = this.#open.splice(0);
    // What the server was working on may be what has brought the connection down.
    first?.fail(firstError);
    for (const { fail } of others) fail(new LinkLost(why));
    if (wasUp) this.#options.changed(false, why);
    if (wasUp) this.#again();
  }

  /** Puts a question. Its promise rejects with what the server says, with `LinkLost`, or with `BackendUnavailable`. */
  ask({ name, text }: Statement, values: readonly string[]): Asked {
    const client = this.#client;
    if (client === null) throw new LinkLost('there is no connection to the database');
    if (this.#open.length >= MAX_OUTSTANDING) throw new BackendUnavailable(`${MAX_OUTSTANDING} questions wait on one connection`);
    let open: Open | null = null;
    const rows = new Promise<pg.QueryArrayResult<unknown[]>>((resolve, reject) => {
      const own: Open = { fail: reject };
      open = own;
      this.#open.push(own);
      if (this.#open.length === 1) this.#watchFirst();
      client.query({ name: `portcullis-${name}`, text, values: [...values], rowMode: 'array' }).then(
        (result) => {
          this.#answered(own);
          resolve(result);
        },
        (error: unknown) => {
          this.#answered(own);
          reject(error instanceof Error ? error : new Error(String(error)));
          if (client === this.#client && breaksConnection(error)) this.lose(errorText(error));
        },
      );
    });
    return {
      rows,
      isHeldUp: (milliseconds) => client === this.#client && this.#open[0] !== open && performance.now() - this.#firstSince >= milliseconds,
    };
  }

  #answered(own: Open): void {
    const at = this.#open.indexOf(own);
    if (at === -1) return;
    this.#open.splice(at, 1);
    this.#receivedBytes = 0;
    this.#cancelTimer();
    if (this.#open.length > 0) this.#watchFirst();
  }

  /** The server gives a statement up by itself; one that does not is dead, frozen, or out of reach. */
  #watchFirst(): void {
    const { timers, statementTimeoutMs } = this.#options;
    this.#firstSince = performance.now();
    this.#cancelTimer = timers.after(statementTimeoutMs + PATIENCE_MS, () => this.lose(`no answer for ${statementTimeoutMs + PATIENCE_MS} ms`));
  }

  async #connect(): Promise<void> {
    const client = await this.#options.connect();
    if (this.#isStopped) return destroy(client);
    this.#client = client;
    this.#receivedBytes = 0;
    client.on('error', (error) => this.#lost(client, errorText(error)));
    client.on('end', () => this.#lost(client, 'the connection was closed'));
    client.connection.stream.on('data', (bytes: Uint8Array) => this.#received(bytes.length));
    try {
      await Promise.all(this.#options.statements.map((statement) => this.#prepare(statement)));
    } catch (error) {
      if (client === this.#client) this.lose(errorText(error));
      throw error;
    }
    if (this.#isStopped || client !== this.#client) throw new BackendUnavailable('the connection was lost at once');
    this.#failures = 0;
    this.#isUp = true;
    this.#hasBeenUp = true;
    this.#options.changed(true, 'connected');
  }

  /** Asks it once, about nobody: from then on it is known to the server, and known to be answered. */
  async #prepare(statement: Statement): Promise<void> {
    await this.ask(statement, new Array<string>(statement.parameters).fill('')).rows;
  }

  #lost(client: pg.Client, why: string): void {
    if (client === this.#client) this.lose(why);
  }

  #received(bytes: number): void {
    this.#receivedBytes += bytes;
    if (this.#receivedBytes <= MAX_ANSWER_BYTES) return;
    const why = `an answer is longer than ${MAX_ANSWER_BYTES} bytes`;
    // The server is well: it is this one question that is not.
    this.lose(why, new MalformedAnswer(why));
  }

  #again(): void {
    if (this.#isStopped) return;
    this.#options.timers.after(retryDelayMs(this.#failures), () => {
      this.#connect().then(
        () => this.#options.tried(null),
        (error: unknown) => {
          this.#failures += 1;
          this.#options.tried(error);
          this.#again();
        },
      );
    });
  }
}
