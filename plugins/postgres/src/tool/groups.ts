import { shown, ToolError, type ToolTerminal } from '@portcullis/sdk/tools';
import type { Session } from './session.js';
import { join } from './users.js';
import { checkName, groupId, named, userId } from './who.js';

export async function addGroup(session: Session, tenant: string, name: string): Promise<string> {
  checkName('group', name);
  const { rowCount } = await session.query(`insert into ${session.s}.groups (tenant, name) values ($1, $2) on conflict (tenant, name) do nothing`, [
    tenant,
    name,
  ]);
  if (rowCount === 0) throw new ToolError(`${named('group', name, tenant)} is there already`);
  return `added ${named('group', name, tenant)}`;
}

export async function deleteGroup(session: Session, tenant: string, name: string): Promise<string> {
  const { rowCount } = await session.query(`delete from ${session.s}.groups where tenant = $1 and name = $2`, [tenant, name]);
  if (rowCount === 0) throw new ToolError(`there is no ${named('group', name, tenant)}`);
  return `deleted ${named('group', name, tenant)}, with memberships and rules`;
}

export async function joinGroup(session: Session, tenant: string, group: string, user: string): Promise<string> {
  const joined = await join(session, tenant, group, user);
  return joined
    ? `${named('user', user, tenant)} is now in ${named('group', group, '')}`
    : `${named('user', user, tenant)} is in ${named('group', group, '')} already`;
}

export async function leaveGroup(session: Session, tenant: string, group: string, user: string): Promise<string> {
  const ids = [await userId(session, tenant, user), await groupId(session, tenant, group)];
  const { rowCount } = await session.query(`delete from ${session.s}.memberships where user_id = $1 and group_id = $2`, ids);
  if (rowCount === 0) throw new ToolError(`${named('user', user, tenant)} is not in ${named('group', group, '')}`);
  return `${named('user', user, tenant)} is no longer in ${named('group', group, '')}`;
}

export async function listGroups(session: Session, tenant: string, terminal: ToolTerminal): Promise<string> {
  const { s } = session;
  const { rows } = await session.query(
    `select g.name,
       (select count(*)::int from ${s}.memberships m where m.group_id = g.id) as members,
       (select count(*)::int from ${s}.rules r where r.group_id = g.id) as rules
     from ${s}.groups g where g.tenant = $1 order by g.name`,
    [tenant],
  );
  for (const { name, members, rules } of rows) terminal.out(`${shown(String(name))}  (members: ${members}; rules: ${rules})\n`);
  return `${rows.length} group${rows.length === 1 ? '' : 's'}${tenant === '' ? '' : ` of tenant ${tenant}`}`;
}
