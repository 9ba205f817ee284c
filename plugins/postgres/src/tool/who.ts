import { shown, ToolError } from '@portcullis/sdk/tools';
import type { RuleOwner } from './arguments.js';
import type { Session } from './session.js';

const MAX_NAME_BYTES = 1000;

/** Throws unless a name of a user or group can be kept, and can be what a client says. */
export function checkName(what: 'user' | 'group', name: string): void {
  if (name === '') throw new ToolError(`the name of the ${what} is empty`);
  if (name.includes('\0') || !name.isWellFormed()) throw new ToolError(`the name of the ${what} is no text that a client could send`);
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) throw new ToolError(`the name of the ${what} is longer than ${MAX_NAME_BYTES} bytes`);
}

/** Throws unless a tenant's name is one. */
export function checkTenant(tenant: string): void {
  if (tenant !== '' && !/^[A-Za-z][A-Za-z0-9._-]{0,63}$/.test(tenant)) {
    throw new ToolError(`the tenant ${JSON.stringify(tenant)} is not 1 to 64 letters, digits, ".", "_" and "-" that begin with a letter`);
  }
}

/** A user or group as it is told of. */
export function named(what: 'user' | 'group', name: string, tenant: string): string {
  return `${what} ${shown(name)}${tenant === '' ? '' : ` of tenant ${tenant}`}`;
}

/** The number of a user. Throws when there is none. */
export async function userId(session: Session, tenant: string, name: string): Promise<string> {
  const { rows } = await session.query(`select id from ${session.s}.users where tenant = $1 and username = $2`, [tenant, name]);
  if (rows[0] === undefined) throw new ToolError(`there is no ${named('user', name, tenant)}`);
  return String(rows[0].id);
}

/** The number of a group. Throws when there is none. */
export async function groupId(session: Session, tenant: string, name: string): Promise<string> {
  const { rows } = await session.query(`select id from ${session.s}.groups where tenant = $1 and name = $2`, [tenant, name]);
  if (rows[0] === undefined) throw new ToolError(`there is no ${named('group', name, tenant)}`);
  return String(rows[0].id);
}

/** The two columns that say whose a rule is. */
export async function ownerIds(session: Session, tenant: string, owner: RuleOwner): Promise<readonly [user: string | null, group: string | null]> {
  if (owner.kind === 'user') return [await userId(session, tenant, owner.name), null];
  if (owner.kind === 'group') return [null, await groupId(session, tenant, owner.name)];
  return [null, null];
}
