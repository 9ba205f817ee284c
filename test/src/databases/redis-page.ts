import { readFileSync } from 'node:fs';

const PAGE = readFileSync(new URL('../../../docs/redis.md', import.meta.url), 'utf8');

/** The script of docs/redis.md by which own programs write. */
export function documentedScript(): string {
  const script = /```lua\n([\s\S]+?)```/.exec(PAGE)?.[1];
  if (script === undefined) throw new Error('docs/redis.md has no script any more');
  return script;
}

/** The rights that docs/redis.md names for a user of Redis, as lines of its configuration have them, with this password. */
export function documentedRights(user: string, password: string): string {
  const rights = new RegExp(`^ACL SETUSER ${user} (.+)$`, 'm').exec(PAGE)?.[1];
  if (rights === undefined) throw new Error(`docs/redis.md has no rights of ${user} any more`);
  return rights.replace('>…', `>${password}`);
}
