import { randomUUID } from 'node:crypto';
import type { Layout, ObjectKind } from './layout.js';

/** How long the version of something that was deleted is kept, in seconds: seven days. */
export const TOMBSTONE_SECONDS = 604_800;

/**
 * Writes one object, its version, that of the tenant and the news of it, all or nothing. Keys: object, version, epoch. Arguments: channel, kind,
 * tenant, name, epoch to begin with, the version that must be there ('' for none), `set` or `delete`, then for `set` fields and values, for
 * `delete` seconds.
 *
 * What Redis may refuse this user comes before the object is touched: a script is not rolled back. So the news goes first, which nobody can act upon
 * before the script has ended, and a write of what is there already tells whether the object may be written.
 *
 * A server that has lost writes may count lower than the object in it does: the counter is then moved on, so that versions of an object never fall.
 */
export const WRITE_SCRIPT = `
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'hash' and kind ~= 'none' then return redis.error_reply('WRONGTYPE ' .. kind) end
local there = redis.call('HMGET', KEYS[1], 'v', 'deleted')
local known = there[1] or ''
if there[2] then known = '' end
if known ~= ARGV[6] then return redis.error_reply('CONFLICT the object has changed') end
if redis.call('EXISTS', KEYS[3]) == 0 then redis.call('SET', KEYS[3], ARGV[5]) end
local version = redis.call('INCR', KEYS[2])
local before = tonumber(there[1] or '0') or 0
if version <= before then
  version = before + 1
  redis.call('SET', KEYS[2], string.format('%.0f', version))
end
local text = string.format('%.0f', version)
redis.call('PUBLISH', ARGV[1], '{"v":' .. text .. ',"kind":' .. ARGV[2] .. ',"tenant":' .. ARGV[3] .. ',"name":' .. ARGV[4] .. '}')
if there[1] then redis.call('HSET', KEYS[1], 'v', there[1]) end
redis.call('DEL', KEYS[1])
if ARGV[7] == 'set' then
  redis.call('HSET', KEYS[1], 'v', text)
  for at = 8, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1]) end
else
  redis.call('HSET', KEYS[1], 'v', text, 'deleted', '1')
  redis.call('EXPIRE', KEYS[1], ARGV[8])
end
return text
`;

/**
 * Begins another history of a tenant: brokers forget which versions they saw, and read everything again. Keys: version, epoch. Arguments: channel,
 * tenant, new epoch, the least version that the tenant must have.
 */
export const EPOCH_SCRIPT = `
local version = redis.call('INCR', KEYS[1])
local least = tonumber(ARGV[4])
if version < least then
  version = least
  redis.call('SET', KEYS[1], string.format('%.0f', version))
end
local text = string.format('%.0f', version)
redis.call('PUBLISH', ARGV[1], '{"v":' .. text .. ',"kind":"epoch","tenant":' .. ARGV[2] .. ',"name":""}')
redis.call('SET', KEYS[2], ARGV[3])
return text
`;

/** What is to be written. */
export interface Write {
  readonly kind: Exclude<ObjectKind, 'epoch'>;
  readonly tenant: string | null;
  /** '' for everybody. */
  readonly name: string;
  /** What the object must have in `v`, null when it must not be there or be deleted. */
  readonly expected: string | null;
  /** Fields but for `v`; null deletes the object. */
  readonly fields: Readonly<Record<string, string>> | null;
}

/** Keys and arguments of `WRITE_SCRIPT`. */
export function writeArguments(
  layout: Layout,
  { kind, tenant, name, expected, fields }: Write,
): { readonly keys: string[]; readonly args: string[] } {
  const rest = fields === null ? ['delete', String(TOMBSTONE_SECONDS)] : ['set', ...Object.entries(fields).flat()];
  return {
    keys: [layout.object(kind, tenant, name), layout.version(tenant), layout.epoch(tenant)],
    args: [...[layout.channel, JSON.stringify(kind), JSON.stringify(tenant ?? ''), JSON.stringify(name), randomUUID()], ...[expected ?? '', ...rest]],
  };
}
