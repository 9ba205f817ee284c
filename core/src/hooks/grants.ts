import {
  type AttributeValue,
  DENY_WORDS,
  type DenyReason,
  type Identity,
  type IdentityGrant,
  type PolicyGrant,
  type Rule,
  type RuleAction,
  type TenantGrant,
} from '@portcullis/sdk';
import { isMqttText } from './text.js';

// What plugins hand over is read once, field by field, and copied: a getter or a later change of the plugin's object cannot alter what was
// checked. Every function throws a Malformed with the reason.

/** Something a plugin handed over that is not what the hook asks for. */
export class Malformed extends Error {}

const MAX_LIST = 10_000;

export function checkReason(reason: unknown): DenyReason {
  if (typeof reason === 'number' && Number.isInteger(reason) && reason >= 0x80 && reason <= 0xff) return reason;
  const word = DENY_WORDS.find((known) => known === reason);
  if (word !== undefined) return word;
  throw new Malformed(
    typeof reason === 'number'
      ? `denied with ${reason}, which is no reason code from 0x80 to 0xFF`
      : `denied with a reason that is neither a number nor a word to deny with: ${DENY_WORDS.join(', ')}`,
  );
}

export function checkLease(seconds: unknown): number | null {
  if (seconds === undefined) return null;
  if (typeof seconds === 'number' && Number.isFinite(seconds) && seconds > 0) return seconds;
  throw new Malformed('leaseSeconds is not a positive finite number');
}

export function checkBytes(bytes: unknown, what: string): Buffer {
  if (!(bytes instanceof Uint8Array)) throw new Malformed(`${what} is not a Uint8Array`);
  if (bytes.byteLength > 65_535) throw new Malformed(`${what} is longer than 65,535 bytes`);
  return Buffer.from(bytes);
}

export function checkIdentityGrant(given: unknown): IdentityGrant {
  const grant = asObject(given, 'allow without an identity: its argument');
  const identity = checkIdentity(grant.identity);
  const lease = checkLease(grant.leaseSeconds);
  const regardless = grant.regardlessOfPassword;
  if (regardless !== undefined && typeof regardless !== 'boolean') throw new Malformed('regardlessOfPassword is neither true nor false');
  // A grant of a plugin in a thread is judged once more beside the broker, and must say there what it said.
  if (regardless === true) return Object.freeze({ identity, ...(lease !== null && { leaseSeconds: lease }), regardlessOfPassword: true });
  return Object.freeze(lease === null ? { identity } : { identity, leaseSeconds: lease });
}

const NOBODY: Identity = Object.freeze({ anonymous: true as const });

function checkIdentity(given: unknown): Identity {
  const { username, anonymous, groups, attributes } = asObject(given, 'allow without an identity: "identity"');
  if (anonymous === true && username === undefined && groups === undefined && attributes === undefined) return NOBODY;
  const more = { ...(groups !== undefined && { groups: checkTexts(groups, 'groups') }), ...checkAttributes(attributes) };
  if (anonymous === true) {
    if (username !== undefined) throw new Malformed('an identity is both anonymous and named');
    return Object.freeze({ anonymous: true as const, ...more });
  }
  if (anonymous !== undefined && anonymous !== false) throw new Malformed('"anonymous" of an identity is neither true nor false');
  if (!isMqttText(username) || username === '') throw new Malformed('the username of an identity is not 1 to 65,535 bytes of UTF-8 without U+0000');
  return Object.freeze({ username, ...more });
}

function checkAttributes(given: unknown): { attributes?: Readonly<Record<string, AttributeValue>> } {
  if (given === undefined) return {};
  const source = asObject(given, '"attributes" of an identity');
  const attributes: Record<string, AttributeValue> = Object.create(null);
  const names = Object.keys(source);
  if (names.length > MAX_LIST) throw new Malformed('an identity has too many attributes');
  for (const name of names) {
    const value = source[name];
    if (typeof value !== 'string' && typeof value !== 'boolean' && !(typeof value === 'number' && Number.isFinite(value))) {
      throw new Malformed('an attribute of an identity is not a string, a finite number or a boolean');
    }
    attributes[name] = value;
  }
  return { attributes: Object.freeze(attributes) };
}

const TENANT = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/;

export function checkTenant(given: unknown): TenantGrant {
  const { name } = asObject(given, 'the tenant');
  if (typeof name !== 'string' || !TENANT.test(name))
    throw new Malformed('the name of a tenant is not a letter and then letters, digits, ".", "_" or "-"');
  return Object.freeze({ name });
}

export function checkPolicy(given: unknown): PolicyGrant {
  const { version, templates, rules, leaseSeconds } = asObject(given, 'the policy');
  const isVersion = typeof version === 'string' || (typeof version === 'number' && Number.isFinite(version));
  if (!isVersion) throw new Malformed('the version of a policy is neither a string nor a finite number');
  const lease = checkLease(leaseSeconds);
  return Object.freeze({
    version: version as number | string,
    ...(templates !== undefined && { templates: checkTexts(templates, 'templates') }),
    ...(rules !== undefined && { rules: checkRules(rules) }),
    ...(lease !== null && { leaseSeconds: lease }),
  });
}

/** How many actions there are. */
const ACTIONS = 3;

/** A checked copy of rules. Whether their patterns compile is for the policy engine to say. */
export function checkRules(given: unknown): readonly Rule[] {
  if (!Array.isArray(given)) throw new Malformed('rules are not an array');
  const rules: Rule[] = [];
  // An index loop, as for all lists here: map would leave the holes of a sparse array out of the check, and may be the plugin's own.
  for (let i = 0; i < given.length; i += 1) rules.push(checkRule(given[i]));
  return Object.freeze(rules);
}

function checkRule(given: unknown): Rule {
  const { effect, actions, pattern, maxQos, retain, from } = asObject(given, 'a rule');
  if (effect !== 'allow' && effect !== 'deny') throw new Malformed('the effect of a rule is neither "allow" nor "deny"');
  const named = checkActions(actions);
  if (typeof pattern !== 'string') throw new Malformed('a rule has no pattern');
  if (retain !== undefined && typeof retain !== 'boolean') throw new Malformed('"retain" of a rule is not a boolean');
  const origin = typeof from === 'string' ? from : '';
  // Nearly all rules are of this kind, and there may be very many.
  if (maxQos === undefined && retain === undefined) return Object.freeze({ effect, actions: named, pattern, from: origin });
  return Object.freeze({
    effect,
    actions: named,
    pattern,
    ...(maxQos !== undefined && { maxQos: checkQos(maxQos) }),
    ...(retain !== undefined && { retain }),
    from: origin,
  });
}

/** One frozen list for all rules that name the same actions in the same order. */
const ACTION_LISTS = new Map<string, readonly RuleAction[]>();

function checkActions(given: unknown): readonly RuleAction[] {
  if (!Array.isArray(given) || given.length === 0) throw new Malformed('a rule has no actions');
  const named: RuleAction[] = [];
  for (let i = 0; i < given.length; i += 1) {
    const action: unknown = given[i];
    if (action !== 'publish' && action !== 'subscribe' && action !== 'receive')
      throw new Malformed('a rule has an action other than publish, subscribe and receive');
    named.push(action);
  }
  // More than there are name one twice; those lists would be without number.
  if (named.length > ACTIONS) return Object.freeze(named);
  const key = named.join();
  const known = ACTION_LISTS.get(key);
  if (known !== undefined) return known;
  ACTION_LISTS.set(key, Object.freeze(named));
  return named;
}

export function checkQos(qos: unknown): 0 | 1 | 2 {
  if (qos === 0 || qos === 1 || qos === 2) return qos;
  throw new Malformed('a maximum QoS is not 0, 1 or 2');
}

/** A shallow copy of a patch with nothing but the fields that may be patched. Whether their values are valid is for the gate to say. */
export function checkPatch(given: unknown, fields: readonly string[]): Readonly<Record<string, unknown>> {
  const source = asObject(given, 'the patch');
  const patch: Record<string, unknown> = Object.create(null);
  for (const name of Object.keys(source)) {
    if (!fields.includes(name)) throw new Malformed(`a patch has the field ${JSON.stringify(name.slice(0, 40))}, which cannot be patched`);
    const value = source[name];
    if (value !== undefined) patch[name] = copyData(value, 0);
  }
  return Object.freeze(patch);
}

function copyData(value: unknown, depth: number): unknown {
  if (typeof value === 'function' || typeof value === 'symbol' || depth > 4) throw new Malformed('a patch holds something that is not data');
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) {
    const items: unknown[] = [];
    for (let i = 0; i < value.length; i += 1) items.push(copyData(value[i], depth + 1));
    return Object.freeze(items);
  }
  const copy: Record<string, unknown> = Object.create(null);
  for (const [name, item] of Object.entries(value)) copy[name] = copyData(item, depth + 1);
  return Object.freeze(copy);
}

function checkTexts(given: unknown, what: string): readonly string[] {
  if (!Array.isArray(given) || given.length > MAX_LIST) throw new Malformed(`${what} are not an array`);
  const texts: string[] = [];
  for (let i = 0; i < given.length; i += 1) {
    const text: unknown = given[i];
    if (typeof text !== 'string') throw new Malformed(`${what} are not all strings`);
    texts.push(text);
  }
  return Object.freeze(texts);
}

function asObject(value: unknown, what: string): Record<string, unknown> {
  // What all objects inherit would be read as if it had been given: groups for everybody, because some code merged a client's "__proto__".
  if (Object.keys(Object.prototype).length > 0) throw new Malformed('something in this process has added to Object.prototype');
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Malformed(`${what} is not an object`);
}
