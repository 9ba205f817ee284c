import {
  GroupTemplates,
  KeyedDigest,
  type Leased,
  LeasedCache,
  type PolicyService,
  type Rule,
  type SourceVersions,
  type UsedTemplates,
} from '@portcullis/sdk';
import { Decoys } from '@portcullis/sdk/passwords';
import type { Database } from './database.js';
import { decodeListedRules, decodeRules, decodeUser, type UserRow } from './decode-rows.js';
import type { RealTimers } from './real-timers.js';
import type { Settings } from './settings.js';
import type { Statement, Statements } from './statements.js';

/** So much of the digest of a tenant stands before each of its keys: two that began alike would only be forgotten together. */
const TENANT_CHARACTERS = 8;
/** Longest username, in characters, that can be anybody's: the schema takes 1,000 bytes, and others are not asked for novels. */
const MAX_USERNAME_CHARACTERS = 4096;

/** A user, and the version that he was read at, as the broker is told it. */
export interface User extends UserRow {
  readonly version: number;
}

/** The own rules of a user, and the version that they were read at. */
export interface OwnRules {
  readonly rules: readonly Rule[];
  readonly version: number;
}

export interface DirectoryOptions {
  readonly settings: Settings;
  readonly statements: Statements;
  readonly database: Database;
  readonly versions: SourceVersions;
  readonly timers: RealTimers;
  readonly policy: PolicyService;
  groupFailed(tenant: string | null, group: string | null, error: unknown): void;
}

/** Who there is, and what each may do: read when it is asked for, kept for a lease, forgotten when it changes. */
export class Directory {
  /** Kinds of hashes, for names that nobody has. */
  readonly decoys: Decoys = new Decoys();
  readonly #options: DirectoryOptions;
  readonly #digest = new KeyedDigest();
  readonly #users: LeasedCache<User>;
  readonly #rules: LeasedCache<OwnRules>;
  readonly #groups: GroupTemplates;
  #lastPrefix: { readonly tenant: string | null; readonly prefix: string } | null = null;
  #changes = 0;

  constructor(options: DirectoryOptions) {
    this.#options = options;
    const { leaseMs, maxUsers, maxKeptBytes, maxGroups } = options.settings;
    const comeApart = options.statements.rules !== null;
    this.#users = new LeasedCache({ leaseMs, maxEntries: maxUsers, maxBytes: comeApart ? maxKeptBytes / 4 : maxKeptBytes });
    // Many rules may go with one user.
    this.#rules = new LeasedCache({ leaseMs, maxEntries: maxUsers, maxBytes: (maxKeptBytes * 3) / 4 });
    this.#groups = new GroupTemplates({
      policy: options.policy,
      timers: options.timers,
      leaseMs,
      maxGroups,
      load: (tenant, group) => this.#loadGroup(tenant, group),
      failed: options.groupFailed,
    });
  }

  /** Grows with every change that was heard of. */
  get changes(): number {
    return this.#changes;
  }

  /** What is known of the data, as the broker is told it. */
  get version(): number {
    return this.#announcer()(null);
  }

  get kept(): { readonly users: number; readonly groups: number } {
    return { users: this.#users.size, groups: this.#groups.size };
  }

  /** A user; undefined for one that is not there. */
  user(tenant: string | null, username: string, leastMs = 0): Promise<Leased<User> | undefined> {
    if (username.length > MAX_USERNAME_CHARACTERS) return Promise.resolve(undefined);
    return this.#users.get(this.#key(tenant, username), () => this.#loadUser(tenant, username), undefined, leastMs);
  }

  /** The same, with at least half of a lease left: else what is built on it would be asked for ever more often. */
  freshUser(tenant: string | null, username: string): Promise<Leased<User> | undefined> {
    return this.user(tenant, username, this.#options.settings.leaseMs / 2);
  }

  /** A user, undefined for one that is not there, and the own rules of this name, with at least half of a lease left. */
  async rights(tenant: string | null, username: string): Promise<{ readonly user: Leased<User> | undefined; readonly own: Leased<OwnRules> }> {
    const { statements, settings } = this.#options;
    if (statements.rules !== null) {
      const [user, own] = await Promise.all([this.freshUser(tenant, username), this.#ownRules(statements.rules, tenant, username)]);
      return { user, own };
    }
    const announced = this.#announcer();
    const user = await this.freshUser(tenant, username);
    if (user === undefined) return { user, own: { value: { rules: [], version: announced(null) }, leftMs: settings.leaseMs } };
    const { ownRules, version } = user.value;
    return { user, own: { value: { rules: decodeListedRules('rules', ownRules), version }, leftMs: user.leftMs } };
  }

  /** The templates of groups, and of everybody. */
  templates(tenant: string | null, groups: readonly string[]): Promise<UsedTemplates> {
    return this.#groups.use(tenant, [null, ...groups]);
  }

  userChanged(tenant: string | null, username: string): void {
    this.#changes += 1;
    const key = this.#key(tenant, username);
    this.#users.drop(key);
    this.#rules.drop(key);
  }

  groupChanged(tenant: string | null, group: string | null): void {
    this.#changes += 1;
    this.#groups.changed(tenant, group);
  }

  /** Whatever there is in a tenant may have changed. */
  tenantChanged(tenant: string | null): void {
    this.#changes += 1;
    const prefix = this.#keyPrefix(tenant);
    const isOfIt = (key: string): boolean => key.startsWith(prefix);
    this.#users.dropAll(isOfIt);
    this.#rules.dropAll(isOfIt);
    void this.#groups.tenantChanged(tenant);
  }

  allChanged(): void {
    this.#changes += 1;
    this.#users.clear();
    this.#rules.clear();
    void this.#groups.allChanged();
  }

  /** Whether changes are heard of: while they are not, nothing is kept. */
  heard(isHeard: boolean): void {
    this.#changes += 1;
    for (const kept of [this.#users, this.#rules, this.#groups]) {
      if (isHeard) kept.resume();
      else kept.pause();
    }
  }

  #key(tenant: string | null, username: string): string {
    return this.#keyPrefix(tenant) + this.#digest.of(tenant, username);
  }

  /** Nearly always that of the tenant before: a digest would else be made twice for each key. */
  #keyPrefix(tenant: string | null): string {
    if (this.#lastPrefix?.tenant !== tenant) {
      this.#lastPrefix = { tenant, prefix: this.#digest.of(tenant).slice(0, TENANT_CHARACTERS) };
    }
    return this.#lastPrefix.prefix;
  }

  async #loadUser(tenant: string | null, username: string): Promise<User | undefined> {
    const { user: statement } = this.#options.statements;
    const announced = this.#announcer();
    const values = [tenant ?? '', username];
    const { user, version } = await this.#options.database.ask(statement, values, (rows) => decodeUser(statement, rows, tenant ?? '', username));
    if (user === undefined) return undefined;
    if (user.passwordHash !== null) this.decoys.met(user.passwordHash);
    return { ...user, version: announced(version) };
  }

  async #ownRules(statement: Statement, tenant: string | null, username: string): Promise<Leased<OwnRules>> {
    const load = (): Promise<OwnRules> => this.#ask(statement, [tenant ?? '', username]);
    const found = await this.#rules.get(this.#key(tenant, username), load, undefined, this.#options.settings.leaseMs / 2);
    if (found === undefined) throw new Error('rules: there is no answer');
    return found;
  }

  async #loadGroup(tenant: string | null, group: string | null): Promise<readonly Rule[]> {
    const { groupRules, everybodyRules } = this.#options.statements;
    const { rules } = group === null ? await this.#ask(everybodyRules, [tenant ?? '']) : await this.#ask(groupRules, [tenant ?? '', group]);
    return rules;
  }

  /** Tables of one's own may know no such rules. */
  async #ask(statement: Statement | null, values: readonly string[]): Promise<OwnRules> {
    const announced = this.#announcer();
    if (statement === null) return { rules: [], version: announced(null) };
    const { rules, version } = await this.#options.database.ask(statement, values, (rows) => decodeRules(statement, rows, ...values));
    return { rules, version: announced(version) };
  }

  /** Where data does not say how new it is, it counts as what was known when it was asked for: what changes meanwhile is asked for again. */
  #announcer(): (version: number | null) => number {
    const { versions } = this.#options;
    const known = versions.current?.version ?? 0;
    return (version) => versions.announced(version ?? known);
  }
}
