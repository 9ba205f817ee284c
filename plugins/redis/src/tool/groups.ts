import { shown, ToolError } from '@portcullis/sdk/tools';
import type { Fields } from '../records.js';
import { noGroup, there } from './missing.js';
import type { ToolSession } from './session.js';

/** Members that are named when a group cannot be deleted. */
const NAMED_MEMBERS = 5;

export async function addGroup({ editor, terminal, tenant }: ToolSession, name: string): Promise<void> {
  const version = await editor.change('group', tenant, name, (fields) => {
    if (fields !== null) throw new ToolError(`there is a group ${shown(name)} already`);
    return { rules: '[]' };
  });
  terminal.out(`group ${shown(name)} added (version ${version})\n`);
}

/** Only without members: to whom a group denied something, that would otherwise be allowed. */
export async function deleteGroup(session: ToolSession, name: string): Promise<void> {
  const { editor, terminal, tenant } = session;
  const members: string[] = [];
  for (const user of await editor.names('user', tenant)) {
    if (groupsOf(await editor.fields(editor.layout.user(tenant, user))).includes(name)) members.push(user);
  }
  if (members.length > 0) {
    const some = members.slice(0, NAMED_MEMBERS).map(shown).join(', ');
    const more = members.length > NAMED_MEMBERS ? ` and ${members.length - NAMED_MEMBERS} more` : '';
    throw new ToolError(`the group ${shown(name)} is not empty: ${some}${more}; take them out with group leave`);
  }
  const version = await editor.remove('group', tenant, name);
  if (version === null) throw noGroup(name);
  terminal.out(`group ${shown(name)} deleted (version ${version})\n`);
}

export async function joinGroup({ editor, terminal, tenant }: ToolSession, group: string, user: string): Promise<void> {
  if ((await editor.read('group', tenant, group)).fields === null) throw noGroup(group);
  const version = await editor.change('user', tenant, user, (fields) => {
    const groups = groupsOf(there(fields, user));
    if (groups.includes(group)) throw new ToolError(`user ${shown(user)} is in the group ${shown(group)} already`);
    return { ...there(fields, user), groups: JSON.stringify([...groups, group]) };
  });
  terminal.out(`user ${shown(user)} is in the group ${shown(group)} (version ${version})\n`);
}

export async function leaveGroup({ editor, terminal, tenant }: ToolSession, group: string, user: string): Promise<void> {
  const version = await editor.change('user', tenant, user, (fields) => {
    const groups = groupsOf(there(fields, user));
    if (!groups.includes(group)) throw new ToolError(`user ${shown(user)} is not in the group ${shown(group)}`);
    return { ...there(fields, user), groups: JSON.stringify(groups.filter((name) => name !== group)) };
  });
  terminal.out(`user ${shown(user)} has left the group ${shown(group)} (version ${version})\n`);
}

export async function listGroups({ editor, terminal, tenant }: ToolSession): Promise<void> {
  const names: string[] = [];
  for (const name of await editor.names('group', tenant)) {
    if (!Object.hasOwn(await editor.fields(editor.layout.group(tenant, name)), 'deleted')) names.push(name);
  }
  terminal.out(names.length === 0 ? 'there is no group\n' : names.map((name) => `${shown(name)}\n`).join(''));
}

/** Groups of a user's fields; none where they are malformed, which is told where the user itself is looked at. */
function groupsOf(fields: Fields): readonly string[] {
  try {
    const groups: unknown = JSON.parse(fields.groups ?? '[]');
    return Array.isArray(groups) ? groups.filter((name) => typeof name === 'string') : [];
  } catch {
    return [];
  }
}
