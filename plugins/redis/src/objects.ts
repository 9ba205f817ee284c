import { AtOnce } from '@portcullis/sdk';
import type { Layout } from './layout.js';
import type { Lookups } from './lookups.js';
import {
  decodeGroup,
  decodeUser,
  decodeVersion,
  type Fields,
  GROUP_FIELDS,
  type GroupRecord,
  MAX_OBJECT_BYTES,
  type Tombstone,
  USER_FIELDS,
  type UserRecord,
} from './records.js';
import { MalformedObject } from './redis-errors.js';

/** Where a tenant's history stands. */
export interface TenantState {
  /** Identity of the history, '' where nothing was ever written. */
  readonly epoch: string;
  /** Grows with every change of the tenant; 0 where nothing was ever written. */
  readonly version: number;
}

/** An object and the state of its tenant at the same moment. */
export interface Found<Record> extends TenantState {
  /** Null where no key is. */
  readonly record: Record | Tombstone | null;
}

/**
 * Users and groups that are read at one time; the others wait for their turn. The broker gives a plugin as many to work on, but gives up those that take
 * too long and puts others: of what was given up the server knows nothing.
 */
const MAX_AT_ONCE = 64;
const MAX_EPOCH_CHARACTERS = 100;
/** Digits of the highest version that is told apart from the next one. */
const MAX_VERSION_DIGITS = 16;
const FIELDS_OF_USER = [...USER_FIELDS, 'deleted'] as const;
const FIELDS_OF_GROUP = [...GROUP_FIELDS, 'deleted'] as const;

type Asked = [name: string, ...args: string[]];
type Decode<Record> = (key: string, fields: Fields) => Record | Tombstone;

/** Reads users and groups, each together with the version of its tenant. */
export class Objects {
  readonly #lookups: Lookups;
  readonly #layout: Layout;
  readonly #atOnce = new AtOnce(MAX_AT_ONCE);

  constructor(lookups: Lookups, layout: Layout) {
    this.#lookups = lookups;
    this.#layout = layout;
  }

  user(tenant: string | null, username: string): Promise<Found<UserRecord>> {
    return this.#atOnce.run(() => this.#read(tenant, this.#layout.user(tenant, username), FIELDS_OF_USER, decodeUser));
  }

  /** A group; with null the rules of everybody of the tenant. */
  group(tenant: string | null, name: string | null): Promise<Found<GroupRecord>> {
    const key = name === null ? this.#layout.everybody(tenant) : this.#layout.group(tenant, name);
    return this.#atOnce.run(() => this.#read(tenant, key, FIELDS_OF_GROUP, decodeGroup));
  }

  async state(tenant: string | null): Promise<TenantState> {
    return this.#decodeState(tenant, await this.#lookups.askAtOnce(this.#stateOf(tenant)));
  }

  /** Versions that stand in the keys of users now, in the same order; null where no key is or it holds none. */
  async userVersions(tenant: string | null, usernames: readonly string[]): Promise<readonly (number | null)[]> {
    const keys = usernames.map((name) => this.#layout.user(tenant, name));
    const sizes = await this.#lookups.ask(keys.map((key) => ['hstrlen', key, 'v']));
    const readable = keys.filter((_, index) => isWithin(sizes[index], MAX_VERSION_DIGITS));
    if (readable.length === 0) return keys.map(() => null);
    const texts = await this.#lookups.ask(readable.map((key) => ['hget', key, 'v']));
    const versions = new Map(readable.map((key, index) => [key, texts[index]]));
    return keys.map((key) => {
      const text = versions.get(key);
      return typeof text === 'string' && /^[1-9][0-9]{0,15}$/.test(text) ? Number(text) : null;
    });
  }

  /**
   * How much there is to read comes first, and nothing is read but what the layout knows: what somebody else has written must neither fill the
   * broker's memory nor keep the answers of others waiting.
   */
  async #read<Record>(tenant: string | null, key: string, names: readonly string[], decode: Decode<Record>): Promise<Found<Record>> {
    const lengths = names.map((name): Asked => ['hstrlen', key, name]);
    const [version, epoch, count, ...sizes] = await this.#lookups.askAtOnce([...this.#stateOf(tenant), ['hlen', key], ...lengths]);
    if (count === 0) return { ...this.#decodeState(tenant, [version, epoch]), record: null };
    if (!isWithin(count, names.length)) throw new MalformedObject(`${key}: has more fields than the layout knows`);
    const bytes = sizes.reduce<number>((sum, size) => sum + (typeof size === 'number' ? size : Number.POSITIVE_INFINITY), 0);
    if (bytes > MAX_OBJECT_BYTES) throw new MalformedObject(`${key}: is larger than ${MAX_OBJECT_BYTES} bytes`);
    const [values, countNow, ...now] = await this.#lookups.askAtOnce([['hmget', key, ...names], ['hlen', key], ...this.#stateOf(tenant)]);
    const found = this.#decodeState(tenant, now);
    return { ...found, record: decodeFields(key, names, values, countNow, decode) };
  }

  /** A little more than may be there, so that what is longer is seen to be. */
  #stateOf(tenant: string | null): Asked[] {
    return [
      ['getrange', this.#layout.version(tenant), '0', String(MAX_VERSION_DIGITS)],
      ['getrange', this.#layout.epoch(tenant), '0', String(MAX_EPOCH_CHARACTERS)],
    ];
  }

  #decodeState(tenant: string | null, [version, epoch]: readonly unknown[]): TenantState {
    if (typeof version !== 'string' || typeof epoch !== 'string') throw new MalformedObject('GETRANGE was answered with something else');
    const key = this.#layout.version(tenant);
    if (epoch.length > MAX_EPOCH_CHARACTERS) throw new MalformedObject(`${this.#layout.epoch(tenant)}: the epoch is none`);
    return { version: version === '' ? 0 : decodeVersion(key, version), epoch };
  }
}

/** Fields of the layout that are there, decoded; null where there is none at all. */
function decodeFields<Record>(
  key: string,
  names: readonly string[],
  values: unknown,
  count: unknown,
  decode: Decode<Record>,
): Record | Tombstone | null {
  if (!Array.isArray(values) || values.length !== names.length) throw new MalformedObject(`${key}: HMGET was answered with something else`);
  const named: { [name: string]: string } = Object.create(null);
  let found = 0;
  for (const [index, name] of names.entries()) {
    const value: unknown = values[index];
    if (value === null) continue;
    if (typeof value !== 'string') throw new MalformedObject(`${key}: HMGET was answered with something else`);
    named[name] = value;
    found += 1;
  }
  if (count !== found) throw new MalformedObject(`${key}: has a field that is none of the layout; portcullis-redis check names it`);
  return found === 0 ? null : decode(key, named);
}

function isWithin(number: unknown, most: number): boolean {
  return typeof number === 'number' && number <= most;
}
