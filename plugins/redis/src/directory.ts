import { BackendUnavailable, type Leased, LeasedCache, type Rule, SourceVersions } from '@portcullis/sdk';
import type { Layout } from './layout.js';
import type { LostTenants } from './lost-tenants.js';
import type { Memory } from './memory.js';
import type { Found, Objects, TenantState } from './objects.js';
import type { GroupRecord, Tombstone, UserRecord } from './records.js';
import { MalformedObject } from './redis-errors.js';

/** Tenants whose versions are followed. */
const MAX_TENANTS = 10_000;
const MAX_READS = 3;

/** A user, and the version of its tenant when it was read, as the broker is told it. */
export interface User extends UserRecord {
  readonly epoch: string;
  readonly announced: number;
}

/** What the directory says when an answer does not fit to what it knows. */
export interface DirectoryEvents {
  /** The history of this tenant is another one, or older: look again, soon. */
  suspect(tenant: string | null): void;
  /** A user has changed without that it was said. */
  changedUnsaid(tenant: string | null, username: string): void;
}

export interface DirectoryOptions {
  readonly objects: Objects;
  readonly layout: Layout;
  readonly memory: Memory;
  readonly lost: LostTenants;
  readonly events: DirectoryEvents;
  readonly leaseMs: number;
  readonly maxUsers: number;
}

/**
 * Users and groups as Redis says them, and never older than what it has said before: an object whose version is below one that was seen is refused,
 * not used. That is what a failover looks like that has lost a write, perhaps the one that took a right away.
 */
export class Directory {
  readonly #options: DirectoryOptions;
  readonly #users: LeasedCache<User>;
  readonly #tenants = new Map<string | null, SourceVersions>();

  constructor(options: DirectoryOptions) {
    this.#options = options;
    this.#users = new LeasedCache({ leaseMs: options.leaseMs, maxEntries: options.maxUsers });
  }

  /** Tenants that were asked about. */
  get tenants(): readonly (string | null)[] {
    return [...this.#tenants.keys()];
  }

  /** The user of this name, or undefined. Rejects with BackendUnavailable, or with MalformedObject. */
  async user(tenant: string | null, username: string): Promise<Leased<User> | undefined> {
    return await this.#users.get(this.userKey(tenant, username), () => this.#loadUser(tenant, username));
  }

  /** The rules of a group, with null those of everybody. */
  async group(tenant: string | null, name: string | null): Promise<readonly Rule[]> {
    const { layout, objects } = this.#options;
    const key = name === null ? layout.everybody(tenant) : layout.group(tenant, name);
    const { found } = await this.#current(tenant, () => objects.group(tenant, name));
    this.#requireNotOlder(key, found);
    const { record } = found;
    if (record !== null && !isTombstone(record)) return record.rules;
    // What a group denied must not be allowed because its key is gone.
    if (name !== null) throw new MalformedObject(`${key}: there is no such group, but users are in it; create it, or take them out`);
    if (record === null && this.#options.memory.seen(key, found.epoch) > 0) throw new MalformedObject(`${key}: is gone, though nobody deleted it`);
    return [];
  }

  /** A key for caches and memories: different users have different ones. */
  userKey(tenant: string | null, username: string): string {
    return this.#options.memory.digest.of('user', tenant, username);
  }

  /** Versions of a tenant, or undefined for one that nobody has asked about. */
  history(tenant: string | null): SourceVersions | undefined {
    return this.#tenants.get(tenant);
  }

  /** Forgets what is kept of a user; a load that is under way counts for nobody. */
  dropUser(tenant: string | null, username: string): void {
    this.#users.drop(this.userKey(tenant, username));
  }

  dropAll(): void {
    this.#users.clear();
  }

  /** Forgets all users, and tells the broker of what is read from now on as newer than all before, also where the version is the same. */
  renumber(): void {
    for (const [tenant, { current }] of this.#tenants) if (current !== null) this.#tenants.set(tenant, firstOf(current));
    this.dropAll();
  }

  /** Keeps nothing until `resume`: for as long as nobody would say that something has changed. */
  pause(): void {
    this.#users.pause();
  }

  resume(): void {
    this.#users.resume();
  }

  async #loadUser(tenant: string | null, username: string): Promise<User | undefined> {
    const { layout, objects, memory, events } = this.#options;
    const { found, announced } = await this.#current(tenant, () => objects.user(tenant, username));
    this.#requireNotOlder(layout.user(tenant, username), found);
    const { record } = found;
    const known = memory.known(this.userKey(tenant, username));
    if (known !== undefined && (known.epoch !== found.epoch || known.version !== record?.version)) events.changedUnsaid(tenant, username);
    return record === null || isTombstone(record) ? undefined : { ...record, epoch: found.epoch, announced };
  }

  /** Reads until the answer is as new as what was said on the channel. */
  async #current<Record>(
    tenant: string | null,
    read: () => Promise<Found<Record>>,
  ): Promise<{ readonly found: Found<Record>; readonly announced: number }> {
    for (let reads = 0; reads < MAX_READS; reads += 1) {
      const found = await read();
      this.#requireThere(tenant, found);
      const history = this.#followed(tenant, found);
      const standing = history.standing(found.epoch, found.version);
      if (standing === 'current') return { found, announced: history.announced(found.version) };
      if (standing === 'foreign') break;
    }
    this.#options.events.suspect(tenant);
    throw new BackendUnavailable('Redis tells another history than before: it was restored, or a failover has lost writes; everything is read again');
  }

  #requireThere(tenant: string | null, found: TenantState): void {
    const { lost, events } = this.#options;
    const wasLost = lost.has(tenant);
    if (lost.isThere(tenant, found)) return;
    // What is still kept of it is not to be used either.
    if (!wasLost && this.#tenants.has(tenant)) events.suspect(tenant);
    throw lost.fault(tenant);
  }

  #followed(tenant: string | null, state: TenantState): SourceVersions {
    let history = this.#tenants.get(tenant);
    if (history === undefined) {
      if (this.#tenants.size >= MAX_TENANTS) throw new Error(`more than ${MAX_TENANTS} tenants are in use`);
      history = firstOf(state);
      this.#tenants.set(tenant, history);
    }
    return history;
  }

  #requireNotOlder(key: string, { record, version, epoch }: Found<UserRecord | GroupRecord>): void {
    if (record === null) return;
    if (record.version > version) {
      throw new MalformedObject(`${key}: has version ${record.version}, but its tenant only ${version}; every change must count both`);
    }
    const { memory } = this.#options;
    const seen = memory.seen(key, epoch);
    if (record.version < seen) {
      throw new MalformedObject(
        `${key}: has version ${record.version}, but version ${seen} was there before: the server has lost a change. ` +
          'Make the change again, or say with "portcullis-redis restored" that everything is right as it is',
      );
    }
    memory.see(key, epoch, record.version);
  }
}

function firstOf({ epoch, version }: TenantState): SourceVersions {
  const history = new SourceVersions();
  history.observe(epoch, version);
  return history;
}

function isTombstone(record: UserRecord | GroupRecord | Tombstone): record is Tombstone {
  return 'deleted' in record;
}
