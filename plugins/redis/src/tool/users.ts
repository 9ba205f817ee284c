import { hashPassword, passwordHashFormat } from '@portcullis/sdk/passwords';
import { readNewPassword, shown, ToolError, type ToolTerminal } from '@portcullis/sdk/tools';
import { decodeUser, type Fields, type UserRecord } from '../records.js';
import { ASK, type ToolCommand } from './arguments.js';
import { noGroup, noUser, there } from './missing.js';
import { ruleLine } from './rules.js';
import type { ToolSession } from './session.js';

type Command<Kind> = Extract<ToolCommand, { readonly kind: Kind }>;

export async function addUser({ editor, terminal, tenant }: ToolSession, command: Command<'user add'>): Promise<void> {
  const { name, groups, attributes, enabled, format } = command;
  // Before the password is asked for: nobody should type it twice to learn that the user is there.
  if ((await editor.read('user', tenant, name)).fields !== null) throw exists(name);
  for (const group of groups) {
    if ((await editor.read('group', tenant, group)).fields === null) throw noGroup(group);
  }
  const hash = command.password === null ? '' : await hashed(terminal, command.password, format);
  const version = await editor.change('user', tenant, name, (fields) => {
    if (fields !== null) throw exists(name);
    return { hash, enabled: enabled ? '1' : '0', groups: JSON.stringify(groups), attributes: JSON.stringify(attributes), rules: '[]' };
  });
  const remarks = [...(enabled ? [] : ['disabled']), ...(hash === '' ? ['without a password'] : [])];
  terminal.out(`user ${shown(name)} added${remarks.map((remark) => `, ${remark}`).join('')} (version ${version})\n`);
}

export async function setPassword({ editor, terminal, tenant }: ToolSession, command: Command<'user passwd'>): Promise<void> {
  const { name, password, format } = command;
  if ((await editor.read('user', tenant, name)).fields === null) throw noUser(name);
  const hash = await hashed(terminal, password, format);
  const version = await editor.change('user', tenant, name, (fields) => ({ ...there(fields, name), hash }));
  terminal.out(`user ${shown(name)} has a new password (version ${version})\n`);
}

export async function enableUser({ editor, terminal, tenant }: ToolSession, name: string, enabled: boolean): Promise<void> {
  const version = await editor.change('user', tenant, name, (fields) => ({ ...there(fields, name), enabled: enabled ? '1' : '0' }));
  terminal.out(`user ${shown(name)} ${enabled ? 'enabled' : 'disabled'} (version ${version})\n`);
}

export async function deleteUser({ editor, terminal, tenant }: ToolSession, name: string): Promise<void> {
  const version = await editor.remove('user', tenant, name);
  if (version === null) throw noUser(name);
  terminal.out(`user ${shown(name)} deleted (version ${version})\n`);
}

export async function showUser({ editor, terminal, tenant }: ToolSession, name: string): Promise<void> {
  const { fields } = await editor.read('user', tenant, name);
  const user = decodeUser(editor.layout.user(tenant, name), there(fields, name)) as UserRecord;
  const attributes = Object.entries(user.attributes).map(([key, value]) => `${shown(key)}=${shown(String(value))}`);
  const lines = [
    `user        ${shown(name)}`,
    `enabled     ${user.enabled ? 'yes' : 'no'}`,
    `password    ${user.hash === '' ? 'none' : (passwordHashFormat(user.hash) ?? 'of an unknown format: nobody comes in by it')}`,
    `groups      ${user.groups.map(shown).join(', ') || 'none'}`,
    `attributes  ${attributes.join(', ') || 'none'}`,
    `version     ${user.version}`,
    ...(user.rules.length === 0 ? ['rules       none'] : ['rules', ...user.rules.map((rule, index) => ruleLine(rule, index + 1))]),
  ];
  terminal.out(`${lines.join('\n')}\n`);
}

export async function listUsers({ editor, terminal, tenant }: ToolSession): Promise<void> {
  let count = 0;
  for (const name of await editor.names('user', tenant)) {
    const fields = await editor.fields(editor.layout.user(tenant, name));
    if (Object.keys(fields).length === 0 || Object.hasOwn(fields, 'deleted')) continue;
    count += 1;
    terminal.out(`${shown(name)}  ${standing(editor.layout.user(tenant, name), fields)}\n`);
  }
  if (count === 0) terminal.out('there is no user\n');
}

function standing(key: string, fields: Fields): string {
  try {
    const user = decodeUser(key, fields) as UserRecord;
    const groups = user.groups.length === 0 ? '' : `  ${user.groups.map(shown).join(', ')}`;
    return `${user.enabled ? 'enabled' : 'disabled'}${groups}`;
  } catch (error) {
    return `unusable: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function exists(name: string): ToolError {
  return new ToolError(`there is a user ${shown(name)} already; user passwd changes the password`);
}

async function hashed(terminal: ToolTerminal, given: string | typeof ASK, format: Command<'user add'>['format']): Promise<string> {
  const password = await readNewPassword(terminal, given === ASK ? null : given);
  return await hashPassword(password, { format });
}
