import { hashPassword } from '@portcullis/sdk/passwords';
import { readNewPassword, shown, ToolError, type ToolTerminal } from '@portcullis/sdk/tools';
import type { ToolCommand } from './arguments.js';
import type { Session } from './session.js';
import { checkName, groupId, named, userId } from './who.js';

const PAGE_ROWS = 1000;

type Command<Kind extends ToolCommand['kind']> = Extract<ToolCommand, { readonly kind: Kind }>;

export async function addUser(session: Session, tenant: string, command: Command<'user add'>, terminal: ToolTerminal): Promise<string> {
  const { name, groups, attributes, enabled } = command;
  checkName('user', name);
  for (const group of groups) checkName('group', group);
  const there = () => new ToolError(`${named('user', name, tenant)} is there already; user passwd changes the password`);
  // Asked before the password is: nobody should type it twice to learn that the name is taken.
  const { rows } = await session.query(`select 1 from ${session.s}.users where tenant = $1 and username = $2`, [tenant, name]);
  if (rows.length > 0) throw there();
  for (const group of groups) await groupId(session, tenant, group);
  const hash = await newHash(command, terminal);
  await session.transaction(async () => {
    const { rowCount } = await session.query(
      `insert into ${session.s}.users (tenant, username, password_hash, enabled, attributes) values ($1, $2, $3, $4, $5)
       on conflict (tenant, username) do nothing`,
      [tenant, name, hash, enabled, JSON.stringify(attributes)],
    );
    if (rowCount === 0) throw there();
    for (const group of groups) await join(session, tenant, group, name);
  });
  return `added ${named('user', name, tenant)}${enabled ? '' : ', disabled'}`;
}

export async function changePassword(session: Session, tenant: string, command: Command<'user passwd'>, terminal: ToolTerminal): Promise<string> {
  await userId(session, tenant, command.name);
  const hash = await newHash(command, terminal);
  const { rowCount } = await session.query(`update ${session.s}.users set password_hash = $3 where tenant = $1 and username = $2`, [
    tenant,
    command.name,
    hash,
  ]);
  if (rowCount === 0) throw new ToolError(`there is no ${named('user', command.name, tenant)} any more`);
  return `changed the password of ${named('user', command.name, tenant)}`;
}

export async function enableUser(session: Session, tenant: string, name: string, enabled: boolean): Promise<string> {
  const id = await userId(session, tenant, name);
  const { rowCount } = await session.query(`update ${session.s}.users set enabled = $2 where id = $1 and enabled <> $2`, [id, enabled]);
  const word = enabled ? 'enabled' : 'disabled';
  return rowCount === 0 ? `${named('user', name, tenant)} is ${word} already` : `${word} ${named('user', name, tenant)}`;
}

export async function deleteUser(session: Session, tenant: string, name: string): Promise<string> {
  const { rowCount } = await session.query(`delete from ${session.s}.users where tenant = $1 and username = $2`, [tenant, name]);
  if (rowCount === 0) throw new ToolError(`there is no ${named('user', name, tenant)}`);
  return `deleted ${named('user', name, tenant)}, with memberships and rules`;
}

export async function listUsers(session: Session, tenant: string, terminal: ToolTerminal): Promise<string> {
  let count = 0;
  for (let after = ''; ; ) {
    const { rows } = await session.query(
      `select u.username, u.enabled, u.password_hash is null as bare,
         array(select g.name from ${session.s}.memberships m join ${session.s}.groups g on g.id = m.group_id where m.user_id = u.id order by 1) as groups
       from ${session.s}.users u where u.tenant = $1 and u.username > $2 order by u.username limit ${PAGE_ROWS}`,
      [tenant, after],
    );
    for (const row of rows) {
      const groups = (row.groups as string[]).map(shown);
      const remarks = [
        ...(row.enabled === true ? [] : ['disabled']),
        ...(row.bare === true ? ['no password'] : []),
        ...(groups.length === 0 ? [] : [`groups: ${groups.join(', ')}`]),
      ];
      terminal.out(`${shown(String(row.username))}${remarks.length === 0 ? '' : `  (${remarks.join('; ')})`}\n`);
    }
    count += rows.length;
    const last = rows[PAGE_ROWS - 1];
    if (last === undefined) return `${count} user${count === 1 ? '' : 's'}${tenant === '' ? '' : ` of tenant ${tenant}`}`;
    after = String(last.username);
  }
}

/** Puts a user into a group; says whether he was not in it. */
export async function join(session: Session, tenant: string, group: string, user: string): Promise<boolean> {
  const { rowCount } = await session.query(
    `insert into ${session.s}.memberships (user_id, group_id) values ($1, $2) on conflict (user_id, group_id) do nothing`,
    [await userId(session, tenant, user), await groupId(session, tenant, group)],
  );
  return rowCount > 0;
}

async function newHash({ password, format }: Command<'user add' | 'user passwd'>, terminal: ToolTerminal): Promise<string> {
  const bytes = await readNewPassword(terminal, password);
  try {
    return await hashPassword(bytes, { format });
  } catch (error) {
    // A format that cannot tell this password from another says so; it never says the password.
    if (error instanceof RangeError) throw new ToolError(error.message);
    throw error;
  }
}
