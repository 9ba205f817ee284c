import { randomBytes } from 'node:crypto';
import { hashPassword } from '@portcullis/sdk/passwords';
import { CountingRelay, type PostgresServer, startPostgres } from '@portcullis/test-servers';
import pg from 'pg';
import { postgresTool } from '../support/postgres-tool.js';

/** Users of a campaign by what must become of them. `revoked-<n>` are right until they are revoked. */
export const USERS = { good: 'good-', disabled: 'disabled-', revoked: 'revoked-' } as const;
/** Of each kind of user but the revoked. */
export const USERS_OF_A_KIND = 50;

/** A database that a plugin asks, and that a campaign does bad things to. */
export interface Backend {
  readonly name: string;
  /** The entry of the plugin in `plugins.json`. */
  readonly entry: Readonly<Record<string, unknown>>;
  /** The same, with the server behind what counts the questions. */
  readonly countedEntry: Readonly<Record<string, unknown>>;
  /** Resolves when the server takes connections again. */
  start(): Promise<void>;
  stop(): Promise<void>;
  freeze(): void;
  thaw(): void;
  /** Makes a user who may log in. */
  add(username: string): Promise<void>;
  /** Resolves when the change is committed. */
  revoke(username: string): Promise<void>;
  /** Makes the users `<prefix>0`, `<prefix>1`, … who may log in. */
  addAll(prefix: string, count: number): Promise<void>;
  administrator(): Promise<Administrator>;
  /** What the server has been asked by brokers with the counted entry since it was made. */
  asked(): Promise<Asked>;
  dispose(): Promise<void>;
}

/** Someone with a connection of his own to the database, who changes what stands in it; each change resolves when it is committed. */
export interface Administrator {
  revoke(username: string): Promise<void>;
  /** Gives a user a rule: he may do everything with what the filter names. */
  permit(username: string, filter: string): Promise<void>;
  close(): Promise<void>;
}

/** Counted on the way to the server or by the server itself, not by what asks. */
export interface Asked {
  readonly questions: number;
  /** The most questions that waited for their answers at one time; null where that cannot be seen. */
  readonly mostAtOnce: number | null;
}

/** A PostgreSQL of its own with the plugin's schema, and the users of a campaign with one password. */
export async function postgresBackend(password: string, timeoutMs: number): Promise<Backend> {
  const server = await startPostgres();
  try {
    const hash = await hashPassword(password, { format: 'sha512' });
    const role = `campaign_${randomBytes(4).toString('hex')}`;
    await administer(server, (db) => db.query(`create role ${role} login`));
    await postgresTool(server.url(), 'init', '--grant-to', role);
    await administer(server, async (db) => {
      for (const kind of [USERS.good, USERS.disabled]) {
        await db.query(
          `insert into portcullis.users (username, password_hash, enabled) select $1::text || n, $2::text, $3::boolean from generate_series(0, $4::int - 1) n`,
          [kind, hash, kind === USERS.good, USERS_OF_A_KIND],
        );
      }
      await db.query(`insert into portcullis.rules (effect, actions, pattern) values ('allow', '{publish,subscribe,receive}', 'own/%u/#')`);
    });
    return new PostgresBackend(server, await CountingRelay.open(server), role, hash, timeoutMs);
  } catch (error) {
    await server.dispose();
    throw error;
  }
}

class PostgresBackend implements Backend {
  readonly name = 'postgres';
  readonly entry: Readonly<Record<string, unknown>>;
  readonly countedEntry: Readonly<Record<string, unknown>>;
  readonly #server: PostgresServer;
  readonly #relay: CountingRelay;
  readonly #hash: string;

  constructor(server: PostgresServer, relay: CountingRelay, role: string, hash: string, timeoutMs: number) {
    this.#server = server;
    this.#relay = relay;
    this.#hash = hash;
    const entry = (host: string, port: number): Readonly<Record<string, unknown>> => ({
      use: '@portcullis/plugin-postgres',
      timeoutMs,
      config: { host, port, database: 'postgres', user: role, statementTimeoutMs: 800 },
    });
    this.entry = entry(server.host, server.port);
    this.countedEntry = entry('127.0.0.1', relay.port);
  }

  start(): Promise<void> {
    return this.#server.start();
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  freeze(): void {
    this.#server.freeze();
  }

  thaw(): void {
    this.#server.thaw();
  }

  async add(username: string): Promise<void> {
    await administer(this.#server, (db) =>
      db.query('insert into portcullis.users (username, password_hash) values ($1, $2)', [username, this.#hash]),
    );
  }

  async revoke(username: string): Promise<void> {
    await administer(this.#server, (db) => db.query('update portcullis.users set enabled = false where username = $1', [username]));
  }

  async addAll(prefix: string, count: number): Promise<void> {
    await administer(this.#server, (db) =>
      db.query('insert into portcullis.users (username, password_hash) select $1::text || n, $2 from generate_series(0, $3::int - 1) n', [
        prefix,
        this.#hash,
        count,
      ]),
    );
  }

  async administrator(): Promise<Administrator> {
    const db = await connected(this.#server);
    return {
      revoke: async (username) => void (await db.query('update portcullis.users set enabled = false where username = $1', [username])),
      permit: async (username, filter) =>
        void (await db.query(
          `insert into portcullis.rules (user_id, effect, actions, pattern)
           select id, 'allow', '{publish,subscribe,receive}', $2 from portcullis.users where tenant = '' and username = $1`,
          [username, filter],
        )),
      close: () => db.end(),
    };
  }

  asked(): Promise<Asked> {
    return Promise.resolve({ questions: this.#relay.executed, mostAtOnce: this.#relay.mostAtOnce });
  }

  dispose(): Promise<void> {
    this.#relay.close();
    return this.#server.dispose();
  }
}

async function connected(server: PostgresServer): Promise<pg.Client> {
  const db = new pg.Client({ connectionString: server.url(), connectionTimeoutMillis: 10_000, query_timeout: 10_000 });
  db.on('error', () => undefined);
  await db.connect();
  return db;
}

async function administer(server: PostgresServer, does: (db: pg.Client) => Promise<unknown>): Promise<void> {
  const db = await connected(server);
  try {
    await does(db);
  } finally {
    await db.end();
  }
}
