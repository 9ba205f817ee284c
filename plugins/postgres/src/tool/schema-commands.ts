import { ToolError } from '@portcullis/sdk/tools';
import { readerGrants } from '../schema/grants.js';
import { migrate, schemaVersion } from '../schema/migrate.js';
import { SCHEMA_VERSION } from '../schema/migrations.js';
import type { Session } from './session.js';

const MIN_SERVER_VERSION = 130_000;

export async function initSchema(session: Session, grantTo: string | null): Promise<string> {
  await requireServer(session);
  const before = await schemaVersion(session, session.schema);
  // An older one holds users: it is for its owner to say when it changes.
  if (before !== 0 && before < SCHEMA_VERSION) throw new ToolError(`the schema ${session.schema} is there with version ${before}; use migrate`);
  const { from, to } = await migrate(session, session.schema, { create: true });
  const granted = await grant(session, grantTo, from !== to);
  return from === 0
    ? `made the schema ${session.schema}, version ${to}${granted}`
    : `the schema ${session.schema} is there already, version ${to}${granted}`;
}

export async function migrateSchema(session: Session, grantTo: string | null): Promise<string> {
  await requireServer(session);
  const { from, to } = await migrate(session, session.schema, { create: false });
  const granted = await grant(session, grantTo, from !== to);
  return from === to
    ? `the schema ${session.schema} has version ${to} already${granted}`
    : `brought the schema ${session.schema} from version ${from} to ${to}${granted}`;
}

/** Tells every broker that versions begin anew, so that none believes what it knew before. */
export async function markRestored(session: Session): Promise<string> {
  const { s } = session;
  await session.transaction(async () => {
    const { rowCount } = await session.query(`update ${s}.state set epoch = gen_random_uuid()`);
    if (rowCount === 0) throw new ToolError(`${session.schema}.state has lost its row; restore the backup as a whole`);
    await session.query(`select ${s}.note_changes(array[row('all', '', '')::${s}.change])`);
  });
  return 'brokers will forget what they knew and read everything again';
}

/** `changed`: whether there are tables that nobody was let at yet. */
async function grant(session: Session, role: string | null, changed: boolean): Promise<string> {
  if (role !== null) {
    const { rows } = await session.query('select 1 from pg_catalog.pg_roles where rolname = $1', [role]);
    if (rows.length === 0) throw new ToolError(`there is no role ${JSON.stringify(role)}; create it first, for example with createuser`);
    for (const statement of readerGrants(session.schema, role)) await session.query(statement);
    return `; ${role} may read it`;
  }
  if (!changed) return '';
  const [usage, select] = readerGrants(session.schema, 'ROLE');
  return `\nThe broker's role needs no more than this (--grant-to <role> does it):\n  ${usage};\n  ${select};`;
}

async function requireServer(session: Session): Promise<void> {
  const { rows } = await session.query(
    `select current_setting('server_version_num')::int as number, current_setting('server_version') as version, current_setting('server_encoding') as encoding`,
  );
  const { number, version, encoding } = rows[0] ?? {};
  if (typeof number !== 'number' || number < MIN_SERVER_VERSION) throw new ToolError(`PostgreSQL ${version} is too old; 13 is needed at least`);
  // In other encodings a name could not be kept, or be another name than the client's bytes.
  if (encoding !== 'UTF8') throw new ToolError(`the encoding of the database is ${encoding}; create one with UTF8`);
}
