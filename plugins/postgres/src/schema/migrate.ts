import { MIGRATIONS, SCHEMA_VERSION } from './migrations.js';
import { quoteIdentifier, schemaNameProblem } from './names.js';

/** As much of a connection as is needed here. */
export interface Queryable {
  query(text: string, values?: readonly unknown[]): Promise<{ readonly rows: readonly Record<string, unknown>[] }>;
}

/** The schema is not what is needed; the message says what to do. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';
}

export interface Migrated {
  /** 0: there was none. */
  readonly from: number;
  readonly to: number;
}

/**
 * Brings a schema to the version that this package knows, in one transaction: all of it or nothing.
 *
 * Who comes second waits for the first, and finds nothing to do. `create`: whether a schema that is not there is made. Throws `SchemaError`
 * for one that is newer, and for one without tables when `create` is false.
 */
export async function migrate(db: Queryable, schema: string, { create }: { readonly create: boolean }): Promise<Migrated> {
  const problem = schemaNameProblem(schema);
  if (problem !== null) throw new SchemaError(`the schema name ${JSON.stringify(schema)} ${problem}`);
  await db.query('begin');
  try {
    await db.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`portcullis migrations of ${schema}`]);
    const from = await schemaVersion(db, schema);
    if (from === 0 && !create)
      throw new SchemaError(`there is no schema ${schema} of Portcullis in this database; portcullis-postgres init makes it`);
    if (from > SCHEMA_VERSION) throw tooNew(schema, from);
    if (from === 0) await createMigrationsTable(db, schema);
    for (const { number, name, sql } of MIGRATIONS.slice(from)) {
      await db.query(sql(schema));
      await db.query(`insert into ${quoteIdentifier(schema)}.migrations (number, name) values ($1, $2)`, [number, name]);
    }
    await db.query('commit');
    return { from, to: SCHEMA_VERSION };
  } catch (error) {
    // The connection may be what failed; the error that says so is the one to tell.
    await db.query('rollback').catch(() => undefined);
    throw error;
  }
}

/** The number of the newest migration, 0 where there is no schema of Portcullis. */
export async function schemaVersion(db: Queryable, schema: string): Promise<number> {
  // Asked first, since a statement that fails would end a transaction; and by query, since to_regclass answers from a cache that does not know
  // what was made while somebody else had the lock.
  const { rows: tables } = await db.query(
    `select 1 from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = 'migrations'`,
    [schema],
  );
  if (tables.length === 0) return 0;
  const { rows } = await db.query(
    `select coalesce(max(number), 0)::int as newest, count(*)::int as count from ${quoteIdentifier(schema)}.migrations`,
  );
  const { newest, count } = rows[0] ?? {};
  if (typeof newest !== 'number' || newest !== count) {
    throw new SchemaError(`${schema}.migrations does not hold each number from 1 once; it was changed by hand or restored in part`);
  }
  return newest;
}

/** Throws `SchemaError` unless the schema is exactly the version that this package knows. */
export async function requireSchema(db: Queryable, schema: string): Promise<void> {
  const version = await schemaVersion(db, schema);
  if (version === SCHEMA_VERSION) return;
  if (version > SCHEMA_VERSION) throw tooNew(schema, version);
  if (version === 0) throw new SchemaError(`there is no schema ${schema} of Portcullis in this database; portcullis-postgres init makes it`);
  throw new SchemaError(`the schema ${schema} has version ${version}, and ${SCHEMA_VERSION} is needed; run portcullis-postgres migrate`);
}

function tooNew(schema: string, version: number): SchemaError {
  return new SchemaError(`the schema ${schema} has version ${version}, and this program knows ${SCHEMA_VERSION} at most; install the newer program`);
}

async function createMigrationsTable(db: Queryable, schema: string): Promise<void> {
  const s = quoteIdentifier(schema);
  const { rows } = await db.query(
    `select count(*)::int as count from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where n.nspname = $1`,
    [schema],
  );
  // Tables of another program would be mixed with ours, or one of ours found to be there already half-way.
  if (rows[0]?.count !== 0) throw new SchemaError(`the schema ${schema} holds tables that are not Portcullis's; choose another name for ours`);
  await db.query(`create schema if not exists ${s}`);
  await db.query(`create table ${s}.migrations (number int primary key, name text not null, applied_at timestamptz not null default now())`);
}
