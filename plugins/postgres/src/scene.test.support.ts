import { randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import { hashPassword } from '@portcullis/sdk/passwords';
import { freshDatabase, type PostgresServer } from '@portcullis/test-servers';
import { startTestBroker, type TestBroker, type TestBrokerOptions, type TestClient } from '@portcullis/testing';
import pg from 'pg';
import plugin from './index.js';
import { readerGrants } from './schema/grants.js';
import { migrate } from './schema/migrate.js';

export type Version = '3.1.1' | '5.0';
export const VERSIONS: readonly Version[] = ['3.1.1', '5.0'];

/** CONNACKs as they stand on the wire. */
export const CONNACK: Readonly<Record<'accepted' | 'badCredentials' | 'unavailable', Readonly<Record<Version, RegExp>>>> = {
  accepted: { '3.1.1': /^20 02 00 00$/, '5.0': /^20 .. 00 00/ },
  badCredentials: { '3.1.1': /^20 02 00 04$/, '5.0': /^20 03 00 86 00$/ },
  unavailable: { '3.1.1': /^20 02 00 03$/, '5.0': /^20 03 00 88 00$/ },
};

export const PASSWORD = 'correct horse';
let hash: Promise<string> | null = null;

/** A hash that costs next to nothing; the same for everybody. */
export function cheapHash(): Promise<string> {
  hash ??= hashPassword(PASSWORD, { format: 'sha512' });
  return hash;
}

/** Ends things when the test ends, the last one first. */
export interface Ending {
  after(end: () => Promise<unknown> | unknown): void;
}

/** What `node:test` gives, with the order turned round: a broker ends before its database goes. */
export function ending(t: Pick<TestContext, 'after'> | { after(end: () => Promise<void>): void }): Ending {
  const ends: (() => unknown)[] = [];
  t.after(async () => {
    for (const end of ends.reverse()) await end();
  });
  return { after: (end) => void ends.push(end) };
}

/** A database with the schema in it, and whoever administers it. */
export class Scene {
  readonly url: URL;
  /** As whom the broker logs in: it may read the schema and nothing else. */
  readonly role: string;
  readonly #sql: pg.Client;
  readonly #ending: Ending;

  private constructor(url: URL, sql: pg.Client, end: Ending, role: string) {
    this.role = role;
    this.url = url;
    this.#sql = sql;
    this.#ending = end;
  }

  /** On the server that all tests share, or on one of the test's own. */
  static async open(end: Ending, server?: PostgresServer, { init = true, database: name, role }: SceneOptions = {}): Promise<Scene> {
    let url = server?.url(name);
    if (server !== undefined && name !== undefined) {
      const administrator = await connected(server.url());
      await administrator.query(`create database ${pg.escapeIdentifier(name)}`);
      await administrator.end();
    }
    if (url === undefined) {
      const database = await freshDatabase();
      end.after(() => database.drop());
      ({ url } = database);
    }
    const scene = new Scene(new URL(url), await connected(url), end, role ?? `portcullis_reader_${randomBytes(6).toString('hex')}`);
    end.after(() => scene.#sql.end());
    if (init) await migrate(scene.#sql, 'portcullis', { create: true });
    await scene.sql(`create role ${scene.role} login`);
    if (server === undefined) end.after(() => scene.sql(`drop owned by ${scene.role}; drop role ${scene.role}`));
    if (init) for (const grant of readerGrants('portcullis', scene.role)) await scene.sql(grant);
    return scene;
  }

  async sql(text: string, ...values: unknown[]): Promise<Record<string, unknown>[]> {
    const answer = await (values.length === 0
      ? this.#sql.query<Record<string, unknown>>(text)
      : this.#sql.query<Record<string, unknown>>(text, values));
    return answer.rows;
  }

  /** Options that lead to this database. */
  config(more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
    const { hostname, port, pathname } = this.url;
    return { host: hostname, port: Number(port), database: pathname.slice(1), user: this.role, ...more };
  }

  async user(username: string, { tenant = '', hash: stored, groups = [] as readonly string[], attributes = {} }: UserFields = {}): Promise<void> {
    const given = stored === undefined ? await cheapHash() : stored;
    await this.sql(
      'insert into portcullis.users (tenant, username, password_hash, attributes) values ($1, $2, $3, $4)',
      tenant,
      username,
      given,
      JSON.stringify(attributes),
    );
    for (const group of groups) await this.join(username, group, tenant);
  }

  async join(username: string, group: string, tenant = ''): Promise<void> {
    await this.sql('insert into portcullis.groups (tenant, name) values ($1, $2) on conflict do nothing', tenant, group);
    await this.sql(
      'insert into portcullis.memberships (user_id, group_id) select u.id, g.id from portcullis.users u, portcullis.groups g where u.tenant = $1 and u.username = $2 and g.tenant = $1 and g.name = $3',
      tenant,
      username,
      group,
    );
  }

  /** A rule of a user, of a group, or of everybody. */
  async rule(pattern: string, { user, group, tenant = '', effect = 'allow' }: RuleFields = {}): Promise<void> {
    await this.sql(
      `insert into portcullis.rules (tenant, user_id, group_id, effect, actions, pattern) values ($1,
        (select id from portcullis.users where tenant = $1 and username = $2), (select id from portcullis.groups where tenant = $1 and name = $3),
        $4, '{publish,subscribe,receive}', $5)`,
      tenant,
      user ?? null,
      group ?? null,
      effect,
      pattern,
    );
  }

  /** A broker with the plugin, in the time of the machine. */
  async broker(options: Partial<TestBrokerOptions> = {}): Promise<TestBroker> {
    const broker = await startTestBroker({ plugin, clock: 'system', config: this.config(), ...options });
    this.#ending.after(() => broker.stop());
    return broker;
  }

  /** Ends the connection that listens, on the server, and keeps it from coming back until `allow`. Those for questions stay. */
  async cutListener(): Promise<{ allow(): Promise<void> }> {
    await this.sql(`alter role ${this.role} nologin`);
    // What it has asked last is its mark, and in between that may be something else.
    for (let ended = 0; ended === 0; ) {
      const rows = await this.sql(
        `select pg_terminate_backend(pid) from pg_stat_activity where usename = $1 and query ~ '^(listen|unlisten|select (s\\.)?version)[ ,]'`,
        this.role,
      );
      ended = rows.length;
    }
    return { allow: async () => void (await this.sql(`alter role ${this.role} login`)) };
  }
}

interface SceneOptions {
  readonly init?: boolean;
  readonly database?: string;
  readonly role?: string;
}

interface UserFields {
  readonly tenant?: string;
  readonly hash?: string | null;
  readonly groups?: readonly string[];
  readonly attributes?: Readonly<Record<string, unknown>>;
}

interface RuleFields {
  readonly user?: string;
  readonly group?: string;
  readonly tenant?: string;
  readonly effect?: 'allow' | 'deny';
}

/** A connection that nobody has to listen to. */
export async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** The CONNACK that a login gets, byte by byte. */
export async function login(broker: TestBroker, protocol: Version, username: string, password: string = PASSWORD): Promise<string> {
  const client = await broker.client({ protocol });
  client.sendConnect({ username, password });
  const { hex } = await client.expectPacket(/^20 /);
  client.close();
  return hex;
}

/** A client that is in. */
export async function enter(broker: TestBroker, protocol: Version, username: string, fields: object = {}): Promise<TestClient> {
  const client = await broker.client({ protocol });
  await client.connect({ username, password: PASSWORD, ...fields });
  return client;
}

/** Tries until it is so; throws after `withinMs` milliseconds. */
export async function soon(what: string, holds: () => Promise<boolean>, withinMs = 5000): Promise<number> {
  const begun = performance.now();
  while (!(await holds())) {
    if (performance.now() - begun > withinMs) throw new Error(`awaited ${what} for ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return performance.now() - begun;
}
