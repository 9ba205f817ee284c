import { ToolError, type ToolTerminal } from '@portcullis/sdk/tools';
import { WATCHED_TABLES, WATCHED_TRIGGERS } from '../schema/first-triggers.js';
import { requireSchema, SchemaError } from '../schema/migrate.js';
import { SCHEMA_VERSION } from '../schema/migrations.js';
import { quoteIdentifier } from '../schema/names.js';
import { checkListening } from './check-listening.js';
import { checkRows } from './check-rows.js';
import type { Session } from './session.js';
import { isLocalHost } from './target.js';

const MIN_SERVER_VERSION = 130_000;
const READ_TABLES = [...WATCHED_TABLES, 'state', 'changes', 'migrations'] as const;

/** Collects what was found, and says it as it comes. */
export class Findings {
  readonly #terminal: ToolTerminal;
  failures = 0;

  constructor(terminal: ToolTerminal) {
    this.#terminal = terminal;
  }

  ok(text: string): void {
    this.#terminal.out(`ok    ${text}\n`);
  }

  warn(text: string): void {
    this.#terminal.out(`warn  ${text}\n`);
  }

  fail(text: string): void {
    this.failures += 1;
    this.#terminal.out(`FAIL  ${text}\n`);
  }
}

/** Looks at everything that would make the broker refuse later. Exit status 1 if there is any of it; warnings do not count. */
export async function check(session: Session, role: string | null, terminal: ToolTerminal): Promise<number> {
  const findings = new Findings(terminal);
  const isReplica = await checkServer(session, findings);
  if (await checkSchema(session, findings)) {
    await checkTriggers(session, findings);
    await checkRights(session, role, findings);
    await checkRows(session, findings);
  }
  if (isReplica) findings.warn('this server is a replica: it can answer look-ups, and news of changes must come from the primary');
  else await checkListening(session, findings);
  terminal.out(findings.failures === 0 ? 'nothing failed\n' : `${findings.failures} failed\n`);
  return findings.failures === 0 ? 0 : 1;
}

/** Says whether the server is a replica. */
async function checkServer(session: Session, findings: Findings): Promise<boolean> {
  const { rows } = await session.query(
    `select current_user as role, current_setting('server_version_num')::int as number, current_setting('server_version') as version,
       current_setting('server_encoding') as encoding, pg_is_in_recovery() as replica,
       (select s.version from pg_catalog.pg_stat_ssl s where s.pid = pg_backend_pid() and s.ssl) as tls`,
  );
  const { role, number, version, encoding, replica, tls } = rows[0] ?? {};
  findings.ok(`connected to ${session.target.where} as ${role}`);
  if (typeof tls === 'string') findings.ok(`TLS: ${tls}`);
  else if (isLocalHost(session.target.host)) findings.ok('no TLS, and the connection does not leave this machine');
  else findings.warn('no TLS: hashes and rights cross the network in plain text, and nobody knows that the server is the right one');
  if (typeof number === 'number' && number >= MIN_SERVER_VERSION) findings.ok(`PostgreSQL ${version}`);
  else findings.fail(`PostgreSQL ${version} is too old; 13 is needed at least`);
  if (encoding === 'UTF8') findings.ok('encoding UTF8');
  else findings.fail(`the encoding of the database is ${encoding}; names are looked up in UTF-8`);
  return replica === true;
}

/** Says whether the tables can be looked at. */
async function checkSchema(session: Session, findings: Findings): Promise<boolean> {
  try {
    await requireSchema(session, session.schema);
  } catch (error) {
    if (!(error instanceof SchemaError || error instanceof ToolError)) throw error;
    findings.fail(error.message);
    return false;
  }
  findings.ok(`schema ${session.schema}, version ${SCHEMA_VERSION}`);
  return true;
}

async function checkTriggers(session: Session, findings: Findings): Promise<void> {
  const { rows } = await session.query(
    `select c.relname as table, t.tgname as trigger, t.tgenabled as enabled from pg_catalog.pg_trigger t
       join pg_catalog.pg_class c on c.oid = t.tgrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and not t.tgisinternal`,
    [session.schema],
  );
  const states = new Map(rows.map(({ table, trigger, enabled }) => [`${table}.${trigger}`, enabled]));
  const wanted = WATCHED_TABLES.flatMap((table) => WATCHED_TRIGGERS.map((trigger) => `${table}.${trigger}`));
  const broken = [...wanted, 'memberships.fill_membership'].filter((name) => !['A', 'O'].includes(String(states.get(name))));
  if (broken.length === 0) findings.ok('every trigger that announces changes is there and enabled');
  for (const name of broken) {
    const [table = '', trigger = ''] = name.split('.');
    const what = states.has(name)
      ? `is disabled; alter table ${session.schema}.${table} enable always trigger ${trigger}`
      : 'is missing; restore the schema';
    findings.fail(`the trigger ${name} ${what}: changes would not reach live clients`);
  }
  await checkSubscribed(session, findings);
  await checkHiding(session, findings);
}

/** A deny that the broker's role cannot see would be none. */
async function checkHiding(session: Session, findings: Findings): Promise<void> {
  const { rows } = await session.query(
    `select c.relname as table from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relname = any ($2) and c.relrowsecurity order by 1`,
    [session.schema, [...READ_TABLES]],
  );
  for (const { table } of rows) {
    findings.fail(
      `the table ${table} has row-level security: what a role cannot see is not there for it, and a deny that is not there forbids nothing`,
    );
  }
}

async function checkSubscribed(session: Session, findings: Findings): Promise<void> {
  const { rows } = await session.query(
    `select c.relname as table from pg_catalog.pg_subscription_rel r join pg_catalog.pg_class c on c.oid = r.srrelid
       join pg_catalog.pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 order by 1`,
    [session.schema],
  );
  for (const { table } of rows) {
    findings.fail(`the table ${table} is filled by logical replication, which runs no triggers of statements: changes would not reach live clients`);
  }
}

async function checkRights(session: Session, role: string | null, findings: Findings): Promise<void> {
  const { rows: roles } = await session.query(
    'select rolname as name, rolsuper as super from pg_catalog.pg_roles where rolname = coalesce($1, current_user)',
    [role],
  );
  const { name, super: isSuper } = roles[0] ?? {};
  if (typeof name !== 'string') return findings.fail(`there is no role ${JSON.stringify(role)}`);
  const { rows } = await session.query(
    `select has_schema_privilege($1, $2, 'usage') as usage,
       array(select t from unnest($3::text[]) t where not has_table_privilege($1, $4 || '.' || t, 'select')) as unreadable,
       array(select t from unnest($3::text[]) t where has_table_privilege($1, $4 || '.' || t, 'insert, update, delete')) as writable`,
    [name, session.schema, [...READ_TABLES], quoteIdentifier(session.schema)],
  );
  const { usage, unreadable, writable } = rows[0] ?? {};
  if (usage !== true) findings.fail(`the role ${name} has no usage of the schema; init --grant-to ${name} gives it`);
  for (const table of unreadable as string[]) findings.fail(`the role ${name} may not read ${table}; init --grant-to ${name} lets it`);
  if (usage === true && (unreadable as string[]).length === 0) findings.ok(`the role ${name} may read all tables`);
  if (isSuper === true) findings.warn(`the role ${name} is a superuser; the broker needs a role that can only read`);
  else if ((writable as string[]).length > 0) findings.warn(`the role ${name} may change ${(writable as string[]).join(', ')}; the broker need not`);
}
