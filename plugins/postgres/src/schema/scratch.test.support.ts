import type { TestContext } from 'node:test';
import { freshDatabase } from '@portcullis/test-servers';
import { until } from '@portcullis/testing';
import pg from 'pg';
import { migrate } from './migrate.js';

/** What a notification says. */
export interface Note {
  readonly v: number;
  readonly e: string;
  readonly c: readonly (readonly [kind: string, tenant: string, name: string])[] | null;
}

/** A database of a test's own, with the schema in it, and somebody who listens. */
export class Scratch {
  readonly url: string;
  readonly notes: Note[] = [];
  readonly #t: TestContext;
  readonly db: pg.Client;

  private constructor(t: TestContext, url: string, db: pg.Client) {
    this.#t = t;
    this.url = url;
    this.db = db;
  }

  static async open(t: TestContext, { schema = 'portcullis', init = true } = {}): Promise<Scratch> {
    const database = await freshDatabase();
    t.after(() => database.drop());
    const scratch = new Scratch(t, database.url, await connected(t, database.url));
    if (init) await migrate(scratch.db, schema, { create: true });
    scratch.db.on('notification', ({ channel, payload = '' }) => {
      if (channel === schema) scratch.notes.push(JSON.parse(payload) as Note);
    });
    await scratch.db.query(`listen "${schema}"`);
    return scratch;
  }

  /** Another connection, ended with the test. */
  connect(url = this.url): Promise<pg.Client> {
    return connected(this.#t, url);
  }

  async rows(text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    return (await this.db.query(text, values)).rows as Record<string, unknown>[];
  }

  async version(): Promise<number> {
    return Number((await this.rows('select version from portcullis.state'))[0]?.version);
  }

  /** Does something as a role, which goes with what it was granted: roles belong to the server, and outlive the database. */
  async asRole(role: string, does: () => Promise<void>): Promise<void> {
    try {
      await this.db.query(`set role ${role}`);
      await does();
    } finally {
      await this.db.query(`reset role; drop owned by ${role}; drop role ${role}`);
    }
  }

  /** Runs a statement and gives what was announced because of it, each list of changes in the order of the alphabet. */
  async announced(statement: string): Promise<(string[] | null)[]> {
    this.notes.length = 0;
    const before = await this.version();
    await this.db.query(statement);
    const after = await this.version();
    await until('the announcements', () => this.notes.length === after - before);
    return this.notes.map(({ c }) => c?.map((change) => change.join(':')).sort() ?? null);
  }
}

async function connected(t: TestContext, url: string): Promise<pg.Client> {
  const db = new pg.Client(url);
  // The database is dropped when the test ends, with whoever is still connected.
  db.on('error', () => undefined);
  await db.connect();
  t.after(() => db.end());
  return db;
}
