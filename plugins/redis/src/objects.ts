import type { Layout } from './layout.js';
import type { Lookups } from './lookups.js';
import {
  decodeGroup,
  decodeUser,
  decodeVersion,
  type Fields,
  type GroupRecord,
  MAX_OBJECT_BYTES,
  type Tombstone,
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

const MAX_FIELDS = 16;
const MAX_EPOCH_CHARACTERS = 100;
/** Fields whose lengths are looked at before they are asked for. */
const LONG_FIELDS = ['hash', 'groups', 'attributes', 'rules'] as const;

/** Reads users and groups, each together with the version of its tenant. */
export class Objects {
  readonly #lookups: Lookups;
  readonly #layout: Layout;

  constructor(lookups: Lookups, layout: Layout) {
    this.#lookups = lookups;
    this.#layout = layout;
  }

  async user(tenant: string | null, username: string): Promise<Found<UserRecord>> {
    return await this.#read(tenant, this.#layout.user(tenant, username), decodeUser);
  }

  /** A group; with null the rules of everybody of the tenant. */
  async group(tenant: string | null, name: string | null): Promise<Found<GroupRecord>> {
    return await this.#read(tenant, name === null ? this.#layout.everybody(tenant) : this.#layout.group(tenant, name), decodeGroup);
  }

  async state(tenant: string | null): Promise<TenantState> {
    const [state] = await this.#lookups.ask([this.#stateOf(tenant)]);
    return this.#decodeState(tenant, state);
  }

  /** Versions that stand in the keys of users now, in the same order; null where no key is or it holds none. */
  async userVersions(tenant: string | null, usernames: readonly string[]): Promise<readonly (number | null)[]> {
    const answers = await this.#lookups.ask(usernames.map((name) => ['hget', this.#layout.user(tenant, name), 'v']));
    return answers.map((text) => (typeof text === 'string' && /^[1-9][0-9]{0,15}$/.test(text) ? Number(text) : null));
  }

  async #read<Record>(tenant: string | null, key: string, decode: (key: string, fields: Fields) => Record | Tombstone): Promise<Found<Record>> {
    // The lengths first: what somebody else has written must not fill the broker's memory.
    const lengths: [string, ...string[]][] = LONG_FIELDS.map((field) => ['hstrlen', key, field]);
    const [state, count, ...sizes] = await this.#lookups.ask([this.#stateOf(tenant), ['hlen', key], ...lengths]);
    if (count === 0) return { ...this.#decodeState(tenant, state), record: null };
    if (typeof count !== 'number' || count > MAX_FIELDS) throw new MalformedObject(`${key}: has more fields than any user or group`);
    const bytes = sizes.reduce<number>((sum, size) => sum + (typeof size === 'number' ? size : Number.POSITIVE_INFINITY), 0);
    if (bytes > MAX_OBJECT_BYTES) throw new MalformedObject(`${key}: is larger than ${MAX_OBJECT_BYTES} bytes`);
    const [fields, now] = await this.#lookups.askAtOnce([['hgetall', key], this.#stateOf(tenant)]);
    const found = this.#decodeState(tenant, now);
    const record = decodeFields(key, fields, decode);
    return { ...found, record };
  }

  #stateOf(tenant: string | null): [string, ...string[]] {
    return ['mget', this.#layout.version(tenant), this.#layout.epoch(tenant)];
  }

  #decodeState(tenant: string | null, answer: unknown): TenantState {
    if (!Array.isArray(answer) || answer.length !== 2) throw new MalformedObject('MGET was answered with something else');
    const [version, epoch] = answer as readonly unknown[];
    const key = this.#layout.version(tenant);
    if (epoch !== null && (typeof epoch !== 'string' || epoch.length > MAX_EPOCH_CHARACTERS)) throw new MalformedObject(`${key}: the epoch is none`);
    if (version === null) return { version: 0, epoch: epoch ?? '' };
    return { version: typeof version === 'string' ? decodeVersion(key, version) : Number.NaN, epoch: epoch ?? '' };
  }
}

function decodeFields<Record>(key: string, fields: unknown, decode: (key: string, fields: Fields) => Record | Tombstone): Record | Tombstone | null {
  const named: { [name: string]: string } = Object.create(null);
  if (typeof fields !== 'object' || fields === null) throw new MalformedObject(`${key}: HGETALL was answered with something else`);
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value !== 'string') throw new MalformedObject(`${key}: HGETALL was answered with something else`);
    named[name] = value;
  }
  return Object.keys(named).length === 0 ? null : decode(key, named);
}
