import { Socket } from 'node:net';
import pg from 'pg';
import type { Queryable } from '../schema/migrate.js';
import { quoteIdentifier } from '../schema/names.js';
import { explainDatabaseError } from './explain-database-error.js';
import type { Target } from './target.js';

const CONNECT_MS = 10_000;
/** A writer in a long transaction holds all others; after so long it is better to say so than to wait. */
const LOCK_MS = 15_000;
const STATEMENT_MS = 60_000;
const END_MS = 1000;

export type Row = Readonly<Record<string, unknown>>;

/** One connection of the tool. Every error that comes from it is a `ToolError`, in one line. */
export class Session implements Queryable {
  readonly target: Target;
  readonly #client: pg.Client;
  readonly #socket: Socket;
  readonly schema: string;
  /** The schema as it stands in statements. */
  readonly s: string;

  private constructor(target: Target, schema: string, client: pg.Client, socket: Socket) {
    this.target = target;
    this.schema = schema;
    this.s = quoteIdentifier(schema);
    this.#client = client;
    this.#socket = socket;
  }

  static async open(target: Target, schema: string): Promise<Session> {
    const socket = new Socket();
    const client = new pg.Client({
      application_name: 'portcullis-postgres',
      connectionTimeoutMillis: CONNECT_MS,
      statement_timeout: STATEMENT_MS,
      lock_timeout: LOCK_MS,
      // A server that has stopped answering cannot keep its own limits.
      query_timeout: STATEMENT_MS + 5000,
      ...target.config,
      stream: () => socket,
    });
    client.on('error', () => undefined);
    const session = new Session(target, schema, client, socket);
    try {
      await client.connect();
    } catch (error) {
      socket.destroy();
      throw session.#explained(error);
    }
    return session;
  }

  async query(text: string, values: readonly unknown[] = []): Promise<{ readonly rows: readonly Row[]; readonly rowCount: number }> {
    try {
      const { rows, rowCount } = await this.#client.query(text, values.length === 0 ? undefined : [...values]);
      return { rows, rowCount: rowCount ?? 0 };
    } catch (error) {
      throw this.#explained(error);
    }
  }

  /** Runs statements in one transaction. */
  async transaction<T>(does: () => Promise<T>): Promise<T> {
    await this.query('begin');
    try {
      const result = await does();
      await this.query('commit');
      return result;
    } catch (error) {
      // The connection may be what failed; the error that says so is the one to tell.
      await this.query('rollback').catch(() => undefined);
      throw error;
    }
  }

  async isReplica(): Promise<boolean> {
    const { rows } = await this.query('select pg_is_in_recovery() as replica');
    return rows[0]?.replica === true;
  }

  onNotification(heard: (channel: string, payload: string) => void): void {
    this.#client.on('notification', ({ channel, payload }) => heard(channel, payload ?? ''));
  }

  /** Ends the connection; also one to a server that does not answer any more. */
  async close(): Promise<void> {
    const timer = setTimeout(() => this.#socket.destroy(), END_MS);
    await this.#client.end().catch(() => undefined);
    clearTimeout(timer);
    this.#socket.destroy();
  }

  #explained(error: unknown): unknown {
    return explainDatabaseError(error, this.target.where) ?? error;
  }
}
