import { ruleProblem } from '@portcullis/sdk';
import { shown, ToolError, type ToolTerminal } from '@portcullis/sdk/tools';
import type { RuleOwner, ToolCommand } from './arguments.js';
import type { Row, Session } from './session.js';
import { named, ownerIds } from './who.js';

const PAGE_ROWS = 1000;

export async function addRule(session: Session, tenant: string, command: Extract<ToolCommand, { kind: 'rule add' }>): Promise<string> {
  const { owner, effect, actions, pattern, maxQos, retain } = command;
  const problem = ruleProblem({ effect, actions, pattern, ...(maxQos !== null && { maxQos }), ...(retain !== null && { retain }) });
  if (problem !== null) throw new ToolError(`the rule was not added: ${problem}`);
  const [user, group] = await ownerIds(session, tenant, owner);
  const { rows } = await session.query(
    `insert into ${session.s}.rules (tenant, user_id, group_id, effect, actions, pattern, max_qos, retain) values ($1, $2, $3, $4, $5, $6, $7, $8)
     returning id, effect, actions, pattern, max_qos, retain`,
    [tenant, user, group, effect, actions, pattern, maxQos, retain],
  );
  return `added rule ${told(rows[0] ?? {}, ownerWords(owner, tenant))}`;
}

export async function listRules(session: Session, tenant: string, owner: RuleOwner | null, terminal: ToolTerminal): Promise<string> {
  const { s } = session;
  const [user, group] = owner === null ? [null, null] : await ownerIds(session, tenant, owner);
  let count = 0;
  for (let after = '0'; ; ) {
    const { rows } = await session.query(
      `select r.id, r.effect, r.actions, r.pattern, r.max_qos, r.retain, u.username, g.name
       from ${s}.rules r left join ${s}.users u on u.id = r.user_id left join ${s}.groups g on g.id = r.group_id
       where r.tenant = $1 and r.id > $2 and ($3::boolean or (r.user_id is not distinct from $4 and r.group_id is not distinct from $5))
       order by r.id limit ${PAGE_ROWS}`,
      [tenant, after, owner === null, user, group],
    );
    for (const row of rows) terminal.out(`${told(row, ownerWords(ownerOf(row), tenant))}\n`);
    count += rows.length;
    const last = rows[PAGE_ROWS - 1];
    if (last === undefined) return `${count} rule${count === 1 ? '' : 's'}`;
    after = String(last.id);
  }
}

export async function deleteRule(session: Session, tenant: string, id: string): Promise<string> {
  const { rowCount } = await session.query(`delete from ${session.s}.rules where tenant = $1 and id = $2`, [tenant, id]);
  if (rowCount === 0) throw new ToolError(`there is no rule ${id}${tenant === '' ? '' : ` of tenant ${tenant}`}`);
  return `deleted rule ${id}`;
}

function ownerOf({ username, name }: Row): RuleOwner {
  if (typeof username === 'string') return { kind: 'user', name: username };
  return typeof name === 'string' ? { kind: 'group', name } : { kind: 'everybody' };
}

function ownerWords(owner: RuleOwner, tenant: string): string {
  return owner.kind === 'everybody' ? `everybody${tenant === '' ? '' : ` of tenant ${tenant}`}` : named(owner.kind, owner.name, tenant);
}

function told({ id, effect, actions, pattern, max_qos: maxQos, retain }: Row, owner: string): string {
  const limits = `${typeof maxQos === 'number' ? ` up to QoS ${maxQos}` : ''}${retain === false ? ', not retained' : ''}`;
  return `${id}: ${owner}: ${effect} ${(actions as string[]).join(',')} ${shown(String(pattern))}${limits}`;
}
