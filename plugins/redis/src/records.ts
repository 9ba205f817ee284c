import { type AttributeValue, decodeAttributes, decodeGroups, decodeRule, parseStrictJson, type Rule } from '@portcullis/sdk';
import { nameProblem } from './layout.js';
import { MalformedObject } from './redis-errors.js';

/** Largest user or group that is read, in bytes of all its fields. */
export const MAX_OBJECT_BYTES = 1_048_576;
/** Most rules of one user, one group, or everybody. */
export const MAX_RULES = 10_000;

/** Fields of a user's hash, in the order in which they are written. All must be there, and no other. */
export const USER_FIELDS = ['v', 'hash', 'enabled', 'groups', 'attributes', 'rules'] as const;
/** Fields of a group's hash, and of everybody's. */
export const GROUP_FIELDS = ['v', 'rules'] as const;
/** Fields of what was deleted: the version of the deletion stays for a while, so that a server that has forgotten it is recognised. */
export const TOMBSTONE_FIELDS = ['v', 'deleted'] as const;

/** A user as the key says it. */
export interface UserRecord {
  readonly version: number;
  /** '' for a user without a password, who is never let in by one. */
  readonly hash: string;
  readonly enabled: boolean;
  readonly groups: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  readonly rules: readonly Rule[];
}

/** A group, or the rules of everybody. */
export interface GroupRecord {
  readonly version: number;
  readonly rules: readonly Rule[];
}

/** What was deleted, and when. */
export interface Tombstone {
  readonly version: number;
  readonly deleted: true;
}

export type Fields = Readonly<Record<string, string>>;

const MAX_HASH_CHARACTERS = 1024;
const RULE_FIELDS: ReadonlySet<string> = new Set(['effect', 'actions', 'pattern', 'maxQos', 'retain']);

/** Reads the hash of a user. Throws MalformedObject that names key and field; what stands in `hash` is never part of it. */
export function decodeUser(key: string, fields: Fields): UserRecord | Tombstone {
  if (Object.hasOwn(fields, 'deleted')) return decodeTombstone(key, fields);
  requireFields(key, fields, USER_FIELDS);
  const { hash = '', enabled } = fields;
  if (hash.length > MAX_HASH_CHARACTERS) throw malformed(key, 'hash', `is longer than ${MAX_HASH_CHARACTERS} characters`);
  if (enabled !== '1' && enabled !== '0') throw malformed(key, 'enabled', 'is neither 1 nor 0');
  const groups = decode(key, () => decodeGroups(parsed(key, fields, 'groups'), key));
  for (const group of groups) {
    const problem = nameProblem(group);
    if (problem !== null) throw malformed(key, 'groups', `holds a name that ${problem}`);
  }
  return {
    version: decodeVersion(key, fields.v),
    hash,
    enabled: enabled === '1',
    groups,
    attributes: decode(key, () => decodeAttributes(objectOf(key, fields, 'attributes'), key)),
    rules: decodeRules(key, fields),
  };
}

/** Reads the hash of a group or of everybody. Throws MalformedObject. */
export function decodeGroup(key: string, fields: Fields): GroupRecord | Tombstone {
  if (Object.hasOwn(fields, 'deleted')) return decodeTombstone(key, fields);
  requireFields(key, fields, GROUP_FIELDS);
  return { version: decodeVersion(key, fields.v), rules: decodeRules(key, fields) };
}

/** Reads a version: decimal digits without a leading zero, as INCR leaves them. */
export function decodeVersion(key: string, text: string | undefined): number {
  const version = text !== undefined && /^[1-9][0-9]{0,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(version)) throw malformed(key, 'v', 'is no version');
  return version;
}

function decodeTombstone(key: string, fields: Fields): Tombstone {
  requireFields(key, fields, TOMBSTONE_FIELDS);
  if (fields.deleted !== '1') throw malformed(key, 'deleted', 'is not 1');
  return { version: decodeVersion(key, fields.v), deleted: true };
}

function decodeRules(key: string, fields: Fields): readonly Rule[] {
  const given = parsed(key, fields, 'rules');
  if (!Array.isArray(given)) throw malformed(key, 'rules', 'is no list');
  if (given.length > MAX_RULES) throw malformed(key, 'rules', `holds more than ${MAX_RULES} rules`);
  return given.map((rule: unknown, index) => {
    const from = `${key} rules[${index}]`;
    if (typeof rule !== 'object' || rule === null || Array.isArray(rule)) throw new MalformedObject(`${from} is no object`);
    const unknown = Object.keys(rule).find((name) => !RULE_FIELDS.has(name));
    // A misspelt limit must not be a rule without it.
    if (unknown !== undefined) throw new MalformedObject(`${from} holds ${JSON.stringify(unknown.slice(0, 40))}, which no rule has`);
    if (Object.values(rule).includes(null)) throw new MalformedObject(`${from} holds null; leave out what is not limited`);
    return decode(key, () => decodeRule(rule, from));
  });
}

function objectOf(key: string, fields: Fields, name: string): unknown {
  const value = parsed(key, fields, name);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(key, name, 'is no object');
  return value;
}

function parsed(key: string, fields: Fields, name: string): unknown {
  try {
    const value = parseStrictJson(fields[name] ?? '');
    if (value === null) throw new Error('is null');
    return value;
  } catch (error) {
    throw malformed(key, name, error instanceof Error ? error.message : 'is no JSON');
  }
}

/** A field that is missing is never its default: rights, denials among them, would be gone because something broke. */
function requireFields(key: string, fields: Fields, names: readonly string[]): void {
  for (const name of names) if (!Object.hasOwn(fields, name)) throw malformed(key, name, 'is missing');
  const more = Object.keys(fields).find((name) => !names.includes(name));
  if (more !== undefined) throw malformed(key, more.slice(0, 40), 'is no field of the layout');
}

function decode<T>(key: string, decoder: () => T): T {
  try {
    return decoder();
  } catch (error) {
    throw error instanceof MalformedObject ? error : new MalformedObject(error instanceof Error ? error.message : `${key}: is malformed`);
  }
}

function malformed(key: string, field: string, what: string): MalformedObject {
  return new MalformedObject(`${key}: field ${JSON.stringify(field)} ${what}`);
}
