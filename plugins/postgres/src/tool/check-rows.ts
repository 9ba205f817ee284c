import { MAX_GROUPS, ruleProblem } from '@portcullis/sdk';
import { isPasswordHash, passwordHashFormat } from '@portcullis/sdk/passwords';
import { MAX_RULES, MAX_RULES_BYTES } from '../statements.js';
import type { Findings } from './check.js';
import type { Row, Session } from './session.js';
import { named } from './who.js';

const PAGE_ROWS = 1000;
/** So many of one kind are told of; the rest are counted. */
const TOLD = 5;

/** Rows that the database takes, and the broker would refuse to work with. */
export async function checkRows(session: Session, findings: Findings): Promise<void> {
  await checkState(session, findings);
  await checkUsers(session, findings);
  await checkRules(session, findings);
}

async function checkState(session: Session, findings: Findings): Promise<void> {
  const { rows } = await session.query(`select version, epoch from ${session.s}.state`);
  const { version, epoch } = rows[0] ?? {};
  if (rows.length !== 1) return findings.fail(`${session.schema}.state has no row: nothing can be read or changed; restore the schema`);
  findings.ok(`version ${version} of epoch ${epoch}`);
  const { rows: later } = await session.query(`select 1 from ${session.s}.changes where version > $1 limit 1`, [version]);
  if (later.length > 0) findings.fail('the log holds changes that are newer than the version: a restore was not whole; run restored after the next');
}

async function checkUsers(session: Session, findings: Findings): Promise<void> {
  const bad = new Bad('user', 'users', findings);
  let bare = 0;
  const count = await pages(
    session,
    `select u.id, u.tenant, u.username, u.password_hash as hash, (select count(*)::int from ${session.s}.memberships m where m.user_id = u.id) as groups
     from ${session.s}.users u where u.id > $1 order by u.id limit ${PAGE_ROWS}`,
    ({ tenant, username, hash, groups }) => {
      const who = named('user', String(username), String(tenant));
      if (hash === null || hash === '') bare += 1;
      else if (!isPasswordHash(String(hash))) bad.add(`${who} can never log in: ${hashProblem(String(hash))}`);
      if (typeof groups === 'number' && groups > MAX_GROUPS) bad.add(`${who} is in ${groups} groups; ${MAX_GROUPS} are the most`);
    },
  );
  bad.finish(`${count} users, ${bare} of them without a password`);
}

/** Not a character of the hash itself. */
function hashProblem(hash: string): string {
  const format = passwordHashFormat(hash);
  return format === null ? 'the password hash has no format that is known' : `the ${format} hash is damaged, or its cost beyond all measure`;
}

async function checkRules(session: Session, findings: Findings): Promise<void> {
  const bad = new Bad('rule', 'rules', findings);
  const count = await pages(
    session,
    `select id, effect, actions, pattern, max_qos, retain from ${session.s}.rules where id > $1 order by id limit ${PAGE_ROWS}`,
    ({ id, effect, actions, pattern, max_qos: maxQos, retain }) => {
      const problem = ruleProblem({ effect, actions, pattern, ...(maxQos !== null && { maxQos }), ...(retain !== null && { retain }) });
      if (problem !== null) bad.add(`rule ${id} refuses everybody whom it concerns: ${problem}`);
    },
  );
  const { s } = session;
  const { rows } = await session.query(
    `select r.tenant, u.username, g.name, count(*)::int as count, sum(octet_length(r.pattern))::float8 as bytes
     from ${s}.rules r left join ${s}.users u on u.id = r.user_id left join ${s}.groups g on g.id = r.group_id
     group by r.tenant, r.user_id, r.group_id, u.username, g.name having count(*) > ${MAX_RULES} or sum(octet_length(r.pattern)) > ${MAX_RULES_BYTES} order by 4 desc`,
  );
  for (const row of rows) {
    if (Number(row.count) > MAX_RULES) bad.add(`${ownerOf(row)} has ${row.count} rules; ${MAX_RULES} are the most`);
    else bad.add(`the patterns of ${ownerOf(row)} take ${row.bytes} bytes; ${MAX_RULES_BYTES} are the most`);
  }
  bad.finish(`${count} rules`);
}

function ownerOf({ tenant, username, name }: Row): string {
  if (typeof username === 'string') return named('user', username, String(tenant));
  return typeof name === 'string' ? named('group', name, String(tenant)) : `everybody${tenant === '' ? '' : ` of tenant ${String(tenant)}`}`;
}

/** Reads a table from its beginning to its end, some rows at a time, and counts them. */
async function pages(session: Session, text: string, each: (row: Row) => void): Promise<number> {
  let count = 0;
  for (let after = '-9223372036854775808'; ; ) {
    const { rows } = await session.query(text, [after]);
    for (const row of rows) each(row);
    count += rows.length;
    const last = rows[PAGE_ROWS - 1];
    if (last === undefined) return count;
    after = String(last.id);
  }
}

class Bad {
  readonly #one: string;
  readonly #many: string;
  readonly #findings: Findings;
  #count = 0;

  constructor(one: string, many: string, findings: Findings) {
    this.#one = one;
    this.#many = many;
    this.#findings = findings;
  }

  add(text: string): void {
    this.#count += 1;
    if (this.#count <= TOLD) this.#findings.fail(text);
  }

  finish(summary: string): void {
    const more = this.#count - TOLD;
    if (more > 0) this.#findings.fail(`${more} more ${more === 1 ? this.#one : this.#many} of that kind`);
    if (this.#count === 0) this.#findings.ok(summary);
  }
}
