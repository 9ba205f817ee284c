import type { AttributeValue } from '../identity.js';
import type { Rule, RuleAction } from '../rules.js';

/** The fields of one rule as a database driver gave them; whatever is left out counts as null. */
export interface RuleFields {
  /** `allow` or `deny`. */
  readonly effect?: unknown;
  /** An array of `publish`, `subscribe`, `receive`: at least one, none twice. */
  readonly actions?: unknown;
  /** A pattern, see {@link Rule}. */
  readonly pattern?: unknown;
  /** 0, 1, 2, or null for no limit. */
  readonly maxQos?: unknown;
  /** True, false, or null for true. */
  readonly retain?: unknown;
}

const ACTIONS: readonly unknown[] = ['publish', 'subscribe', 'receive'] satisfies readonly RuleAction[];
const MAX_PATTERN_CHARACTERS = 65_535;
/** Most groups of one user. */
export const MAX_GROUPS = 1000;
/** Most attributes of one user. */
export const MAX_ATTRIBUTES = 1000;
const MAX_NAME_CHARACTERS = 4096;
const MAX_VALUE_CHARACTERS = 65_535;

/**
 * Turns one record into a rule, and takes nothing for what it only resembles: `'f'`, `"0"`, `1` and `"true"` are no booleans, a text is no list.
 *
 * `from` names the record for people (table and row, key). Throws an `Error` that begins with it and names the field; thrown on by a handler, it is a
 * fault of that one answer, which never opens the circuit breaker. The pattern itself is judged by the broker when it compiles the rule.
 */
export function decodeRule(fields: RuleFields, from: string): Rule {
  const { effect, pattern } = fields;
  if (effect !== 'allow' && effect !== 'deny') throw malformed(from, 'effect', `neither "allow" nor "deny"`);
  const actions = decodeActions(fields.actions, from);
  if (!isText(pattern, MAX_PATTERN_CHARACTERS)) throw malformed(from, 'pattern', 'no text of 1 to 65,535 characters without U+0000');
  const maxQos = fields.maxQos ?? null;
  if (maxQos !== null && maxQos !== 0 && maxQos !== 1 && maxQos !== 2) throw malformed(from, 'maxQos', 'none of the numbers 0, 1 and 2');
  const retain = fields.retain ?? null;
  if (retain !== null && typeof retain !== 'boolean') throw malformed(from, 'retain', 'neither true nor false');
  // Not by spreading: this is done for each of very many.
  if (maxQos === null) return retain === null ? { effect, actions, pattern, from } : { effect, actions, pattern, retain, from };
  return retain === null ? { effect, actions, pattern, maxQos, from } : { effect, actions, pattern, maxQos, retain, from };
}

/** One list for all rules with the same actions: there are many rules, and few such lists. */
const LISTS = new Map<string, readonly RuleAction[]>();

function decodeActions(given: unknown, from: string): readonly RuleAction[] {
  if (!Array.isArray(given) || given.length === 0) throw malformed(from, 'actions', 'no list with at least one action');
  const isKnown = (action: unknown): action is RuleAction => ACTIONS.includes(action);
  const actions: RuleAction[] = [];
  for (const action of given as readonly unknown[]) {
    if (!isKnown(action) || actions.includes(action)) {
      throw malformed(from, 'actions', 'no list of "publish", "subscribe" and "receive", each at most once');
    }
    actions.push(action);
  }
  // Bounded by the orders of three actions.
  const name = actions.join();
  const known = LISTS.get(name);
  if (known !== undefined) return known;
  LISTS.set(name, Object.freeze(actions));
  return actions;
}

/**
 * Turns a list of names of groups into one that an identity may carry; null is none. Throws an `Error` that begins with `from` for anything but a list
 * of at most {@link MAX_GROUPS} different texts of 1 to 4,096 characters without U+0000.
 */
export function decodeGroups(given: unknown, from: string): readonly string[] {
  if (given === null || given === undefined) return [];
  if (!Array.isArray(given)) throw malformed(from, 'groups', 'no list');
  if (given.length > MAX_GROUPS) throw malformed(from, 'groups', `a list of more than ${MAX_GROUPS} names`);
  const groups = new Set<string>();
  for (const name of given as readonly unknown[]) {
    if (!isText(name, MAX_NAME_CHARACTERS) || groups.has(name)) throw malformed(from, 'groups', 'no list of different names');
    groups.add(name);
  }
  return [...groups];
}

/**
 * Turns an object of attributes into one that an identity may carry; null is none. Throws an `Error` that begins with `from` for anything but a plain
 * object of at most {@link MAX_ATTRIBUTES} texts, finite numbers and booleans. An integer beyond 2^53 is none of these: two that differ are read as one.
 * The result has no prototype.
 */
export function decodeAttributes(given: unknown, from: string): Readonly<Record<string, AttributeValue>> {
  const attributes: Record<string, AttributeValue> = Object.create(null);
  if (given === null || given === undefined) return attributes;
  if (typeof given !== 'object' || Array.isArray(given)) throw malformed(from, 'attributes', 'no object');
  const entries = Object.entries(given);
  if (entries.length > MAX_ATTRIBUTES) throw malformed(from, 'attributes', `an object of more than ${MAX_ATTRIBUTES} values`);
  for (const [name, value] of entries as readonly (readonly [string, unknown])[]) {
    if (!isText(name, MAX_NAME_CHARACTERS) || !isAttribute(value)) {
      throw malformed(from, 'attributes', 'no object of texts, numbers (integers up to 2^53) and booleans');
    }
    attributes[name] = value;
  }
  return attributes;
}

function isAttribute(value: unknown): value is AttributeValue {
  if (typeof value === 'string') return value.length <= MAX_VALUE_CHARACTERS && !value.includes('\0');
  if (typeof value === 'number') return Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value);
  return typeof value === 'boolean';
}

function isText(value: unknown, maxCharacters: number): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= maxCharacters && !value.includes('\0');
}

function malformed(from: string, field: string, what: string): Error {
  return new Error(`${from}: "${field}" is ${what}`);
}
