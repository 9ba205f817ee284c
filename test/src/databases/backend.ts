import { randomBytes } from 'node:crypto';
import { hashPassword } from '@portcullis/sdk/passwords';
import { type PostgresServer, startPostgres } from '@portcullis/test-servers';
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
  /** Resolves when the server takes connections again. */
  start(): Promise<void>;
  stop(): Promise<void>;
  freeze(): void;
  thaw(): void;
  /** Makes a user who may log in. */
  add(username: string): Promise<void>;
  /** Resolves when the change is committed. */
  revoke(username: string): Promise<void>;
  dispose(): Promise<void>;
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
    return new PostgresBackend(server, role, hash, timeoutMs);
  } catch (error) {
    await server.dispose();
    throw error;
  }
}

class PostgresBackend implements Backend {
  readonly name = 'postgres';
  readonly entry: Readonly<Record<string, unknown>>;
  readonly #server: PostgresServer;
  readonly #hash: string;

  constructor(server: PostgresServer, role: string, hash: string, timeoutMs: number) {
    this.#server = server;
    this.#hash = hash;
    this.entry = {
      use: '@portcullis/plugin-postgres',
      timeoutMs,
      config: { host: server.host, port: server.port, database: 'postgres', user: role, statementTimeoutMs: 800 },
    };
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

  dispose(): Promise<void> {
    return this.#server.dispose();
  }
}

async function administer(server: PostgresServer, does: (db: pg.Client) => Promise<unknown>): Promise<void> {
  const db = new pg.Client({ connectionString: server.url(), connectionTimeoutMillis: 10_000, query_timeout: 10_000 });
  db.on('error', () => undefined);
  await db.connect();
  try {
    await does(db);
  } finally {
    await db.end();
  }
}
