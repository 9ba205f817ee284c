import type { PluginTimers, SessionsService } from '../services.js';
import { AtOnce } from './at-once.js';
import { KeyedDigest } from './keyed-digest.js';

/** How a {@link VouchedUsers} reads, what bounds it, and what tests replace. */
export interface VouchedUsersOptions {
  /** Name of the plugin's entry: what was vouched for outlives a generation of the configuration, whose clients stay connected. */
  readonly entry: string;
  /** Ends the connections. */
  readonly sessions: Pick<SessionsService, 'disconnect' | 'find'>;
  /** For what is tried again, and for what is done a little in a turn. */
  readonly timers: Pick<PluginTimers, 'after'>;
  /** The mark of a user as he is now, made by `markOf`; null for one who may not be here. Ends by itself, in time. */
  read(tenant: string | null, username: string): Promise<string | null>;
  /** Called when a user that has changed cannot be read; his connections are ended then. */
  failed(error: unknown): void;
  /** Lease of the identities, in milliseconds: who was not vouched for again in that time is not connected. */
  readonly leaseMs: number;
  /** At most so many users are remembered. Of one that had to be forgotten, any change ends the connections. */
  readonly maxUsers: number;
  /** Milliseconds that only grow; `performance.now` unless told. */
  readonly now?: () => number;
}

interface Vouched {
  readonly tenant: string | null;
  readonly username: string;
  readonly mark: string;
  readonly until: number;
}

/** What one entry has vouched for; kept while an instance of it is there. */
interface Memory {
  readonly digest: KeyedDigest;
  /** The one that was vouched for longest ago comes first. */
  readonly users: Map<string, Vouched>;
  /** Until when there may be clients connected of whom nothing is remembered. */
  forgottenUntil: number;
  holders: number;
}

/** DISCONNECT "not authorized". */
const NOT_AUTHORIZED = 0x87;
const SPARE_MS = 60_000;
const RETRIES = 2;
const RETRY_MS = 250;
const READ_AT_ONCE = 8;
/** Each disconnection looks at all sessions; a table may lose all its users at once. */
const DISCONNECTS_PER_TURN = 20;

const memories = new Map<string, Memory>();

/**
 * Remembers what the logins rested on that a plugin has allowed, as a mark each, and ends the connections of whoever is read with another one: his
 * password was changed, he was disabled, deleted, or is described otherwise.
 */
export class VouchedUsers {
  readonly #options: VouchedUsersOptions;
  readonly #now: () => number;
  readonly #memory: Memory;
  readonly #leaving: { readonly tenant: string | null; readonly username: string }[] = [];
  readonly #judging = new AtOnce(READ_AT_ONCE);
  readonly #waiting = new Set<string>();
  #isEnding = false;
  #isReleased = false;

  constructor(options: VouchedUsersOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#memory = memories.get(options.entry) ?? this.#begin();
    this.#memory.holders += 1;
  }

  /** Whether clients may be connected of whom nothing is remembered: a change of their users ends their connections, whatever it is. */
  get hasForgotten(): boolean {
    return this.#now() < this.#memory.forgottenUntil;
  }

  /** How many users are remembered. */
  get size(): number {
    return this.#memory.users.size;
  }

  /** The plugin stops. What the entry has vouched for stays until its last instance is gone. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#memory.holders -= 1;
    if (this.#memory.holders === 0 && memories.get(this.#options.entry) === this.#memory) memories.delete(this.#options.entry);
  }

  /** The mark of what a login rests on: the stored hash, attributes. It shows nothing of them. */
  markOf(...parts: readonly (string | null)[]): string {
    return this.#memory.digest.of(...parts);
  }

  /**
   * To be called before a login is allowed, or confirmed: a change that is told from then on ends it. Ends the user's connections if he was vouched for
   * with another mark: they were made with a password, or a description, that he has no longer.
   */
  vouch(tenant: string | null, username: string, mark: string): void {
    const { users, digest } = this.#memory;
    const { maxUsers, sessions } = this.#options;
    const key = digest.of(tenant, username);
    const before = users.get(key);
    // At once: a moment later the one that is about to be allowed would be among them.
    if (before !== undefined && before.mark !== mark) sessions.disconnect({ tenant, username }, NOT_AUTHORIZED);
    users.delete(key);
    for (const [oldest, { until }] of users) {
      const isOver = until <= this.#now();
      if (!isOver && users.size < maxUsers) break;
      if (!isOver) this.#memory.forgottenUntil = this.#leaseEnd();
      users.delete(oldest);
    }
    users.set(key, { tenant, username, mark, until: this.#leaseEnd() });
  }

  /** Whether a user was vouched for with this mark: else his password is not the one that he has logged in with. */
  isVouched(tenant: string | null, username: string, mark: string): boolean {
    return this.#memory.users.get(this.#memory.digest.of(tenant, username))?.mark === mark;
  }

  /** A user has changed: if he may be connected, he is read and judged. */
  changed(tenant: string | null, username: string): void {
    if (this.#memory.users.has(this.#memory.digest.of(tenant, username)) || this.hasForgotten) void this.#inTurn(tenant, username);
  }

  /** All may have changed: each is read and judged. Resolves when that is done; never rejects. */
  async allChanged(): Promise<void> {
    await this.#judgeAll([...this.#memory.users.values()]);
  }

  /** All of a tenant may have changed: each is read and judged. Resolves when that is done; never rejects. */
  async tenantChanged(tenant: string | null): Promise<void> {
    await this.#judgeAll([...this.#memory.users.values()].filter((user) => user.tenant === tenant));
  }

  /** The thread of a plugin may have been replaced: what was vouched for before is still connected. */
  #begin(): Memory {
    const { entry, sessions } = this.#options;
    const forgottenUntil = sessions.find({ connected: true }).length === 0 ? 0 : this.#leaseEnd();
    const memory: Memory = { digest: new KeyedDigest(), users: new Map(), forgottenUntil, holders: 0 };
    memories.set(entry, memory);
    return memory;
  }

  #leaseEnd(): number {
    return this.#now() + this.#options.leaseMs + SPARE_MS;
  }

  async #judgeAll(users: readonly Vouched[]): Promise<void> {
    const present = users.filter(({ until }) => until > this.#now());
    await Promise.all(present.map(({ tenant, username }) => this.#inTurn(tenant, username)));
  }

  /** A few at a time; who waits for it already is not put in line again. */
  async #inTurn(tenant: string | null, username: string): Promise<void> {
    const key = this.#memory.digest.of(tenant, username);
    if (this.#waiting.has(key)) return;
    this.#waiting.add(key);
    await this.#judging.run(() => {
      this.#waiting.delete(key);
      return this.#judge(tenant, username);
    });
  }

  async #judge(tenant: string | null, username: string): Promise<void> {
    for (let retries = 0; !this.#isReleased; retries += 1) {
      try {
        const mark = await this.#options.read(tenant, username);
        if (mark === null || !this.isVouched(tenant, username, mark)) this.#disconnect(tenant, username);
        return;
      } catch (error) {
        if (retries < RETRIES) {
          await new Promise<void>((resolve) => void this.#options.timers.after(RETRY_MS, resolve));
          continue;
        }
        if (this.#isReleased) return;
        this.#options.failed(error);
        // He has changed, and nobody can say that he may stay.
        return this.#disconnect(tenant, username);
      }
    }
  }

  #disconnect(tenant: string | null, username: string): void {
    this.#leaving.push({ tenant, username });
    if (!this.#isEnding) this.#disconnectSome();
  }

  #disconnectSome(): void {
    for (const selector of this.#leaving.splice(0, DISCONNECTS_PER_TURN)) this.#options.sessions.disconnect(selector, NOT_AUTHORIZED);
    this.#isEnding = true;
    this.#options.timers.after(1, () => {
      this.#isEnding = false;
      if (this.#leaving.length > 0) this.#disconnectSome();
    });
  }
}
