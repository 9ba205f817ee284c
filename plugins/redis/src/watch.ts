import type { GroupTemplates, PluginContext } from '@portcullis/sdk';
import { type Change, readChange } from './change-message.js';
import type { Channel } from './channel.js';
import type { Directory } from './directory.js';
import { inBackground } from './in-background.js';
import type { Judge } from './judge.js';
import type { Lookups } from './lookups.js';
import type { LostTenants } from './lost-tenants.js';
import type { Memory } from './memory.js';
import type { Objects, TenantState } from './objects.js';
import { MalformedObject } from './redis-errors.js';

/** Tenants whose versions are read at one beat. */
const TENANTS_PER_BEAT = 500;
/** Users whose versions are read in one go. */
const USERS_AT_ONCE = 200;

export interface WatchOptions {
  readonly context: Pick<PluginContext, 'sessions' | 'policy' | 'log' | 'metrics' | 'signal'>;
  readonly directory: Directory;
  readonly objects: Objects;
  readonly lookups: Lookups;
  readonly templates: GroupTemplates;
  readonly judge: Judge;
  readonly memory: Memory;
  readonly lost: LostTenants;
}

/**
 * Knows whether what is kept in memory may be used: while changes are heard of, and no longer.
 *
 * The order is: listen, read the versions, then serve. When the channel is lost, nothing that is kept is used until it is back and all versions were
 * read again. At every beat the versions are read as well, so that a change that was said to nobody is found all the same.
 */
export class Watch {
  readonly #options: WatchOptions;
  /** Tenants that have to be looked at anew, whatever their versions say. */
  readonly #unsure = new Set<string | null>();
  /** Versions that were ahead of the channel at the last beat. */
  readonly #ahead = new Map<string | null, number>();
  /** Tenants whose versions cannot be read as the layout says; all of them are among those of the directory, or have clients. */
  readonly #malformed = new Set<string | null>();
  #isFresh = false;
  #allUnsure = true;
  /** Whether somebody wants it looked at now. */
  #isAsked = false;
  #working: Promise<void> | null = null;
  #channel: Channel | null = null;
  #nextTenant = 0;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#setFresh(false);
  }

  /** Whether changes are heard of, and nothing of before is unknown. */
  get isFresh(): boolean {
    return this.#isFresh;
  }

  use(channel: Channel): void {
    this.#channel = channel;
  }

  /** The channel listens: everything that may have been missed is looked at. Resolves when that is done, or failed and put off to the next beat. */
  async listening(): Promise<void> {
    this.#allUnsure = true;
    await this.#work();
  }

  lost(problem: string): void {
    this.#allUnsure = true;
    if (!this.#isFresh) return;
    this.#setFresh(false);
    this.#options.context.metrics.count('channelLost');
    this.#options.context.log.warn({ problem }, 'changes in Redis are not heard of: nothing is used from memory until they are');
  }

  /** At the next beat this tenant is looked at anew. */
  unsure(tenant: string | null): void {
    this.#unsure.add(tenant);
  }

  /** The same, and at once instead of at the next beat. */
  suspect(tenant: string | null): void {
    this.unsure(tenant);
    inBackground(this.#work(), this.#options.context.signal);
  }

  /** Takes a message of the channel. */
  message(text: string): void {
    const change = readChange(text);
    if (change === 'probe') return;
    if (change === null) {
      this.#options.context.metrics.count('badMessages');
      this.#options.context.log.warn({ characters: text.length }, 'a message on the channel is no change; everything is looked at again');
      this.suspectAll();
      return;
    }
    this.#options.context.metrics.count('changes');
    this.#take(change);
  }

  /** Perhaps another history, that of a replica without the last writes: with as many of its own no version shows it, so everybody is looked at. */
  otherHistory(): void {
    const { directory, memory } = this.#options;
    directory.renumber();
    memory.doubtVersions();
    this.suspectAll();
  }

  suspectAll(): void {
    this.#allUnsure = true;
    inBackground(this.#work(), this.#options.context.signal);
  }

  /** Once a heartbeat: does the channel live, is the server still a primary, has something changed that nobody said? */
  async beat(): Promise<void> {
    await this.#channel?.beat();
    try {
      await this.#options.lookups.check();
      await this.#lookAtVersions();
    } catch (error) {
      // Also a server that has been made a replica: it still tells of changes, but late.
      this.lost(textOf(error));
      return;
    }
    await this.#work();
  }

  #take({ kind, tenant, name, version }: Change): void {
    const { directory, templates } = this.#options;
    const history = directory.history(tenant);
    const current = history?.current ?? null;
    if (history !== undefined && current !== null) {
      // A number is believed only when it is the next one: what is said on a channel may be wrong, what is read is not.
      if (version === current.version + 1) history.observe(current.epoch, version);
      else if (version > current.version) this.suspect(tenant);
    }
    if (kind === 'user') {
      directory.dropUser(tenant, name);
      this.#options.judge.look(tenant, name);
    } else if (kind === 'epoch') this.suspect(tenant);
    else templates.changed(tenant, kind === 'group' ? name : null);
  }

  async #lookAtVersions(): Promise<void> {
    const { directory, objects, lost } = this.#options;
    const all = directory.tenants;
    if (this.#nextTenant >= all.length) this.#nextTenant = 0;
    const tenants = all.slice(this.#nextTenant, this.#nextTenant + TENANTS_PER_BEAT);
    this.#nextTenant += TENANTS_PER_BEAT;
    await Promise.all(
      tenants.map(async (tenant) => {
        const before = directory.history(tenant)?.current;
        const state = await unlessMalformed(objects.state(tenant));
        if (before == null) return;
        if (state === null || this.#malformed.has(tenant)) return this.unsure(tenant);
        // Looked at once when it was lost, and again when it is back.
        const wasLost = lost.has(tenant);
        const isLost = !lost.isThere(tenant, state);
        if (isLost && wasLost) return;
        if (isLost || wasLost) return this.unsure(tenant);
        if (state.epoch !== before.epoch || state.version < before.version) this.unsure(tenant);
        else if (state.version > (directory.history(tenant)?.current?.version ?? 0)) this.#isAhead(tenant, state.version);
        else this.#ahead.delete(tenant);
      }),
    );
  }

  /** A change may be under way to us; at the second beat it is lost. Without a channel, nothing is under way. */
  #isAhead(tenant: string | null, version: number): void {
    const before = this.#ahead.get(tenant);
    const heard = this.#options.directory.history(tenant)?.current?.version ?? 0;
    if (!this.#isFresh || (before !== undefined && before > heard)) {
      this.#ahead.delete(tenant);
      this.unsure(tenant);
      if (this.#isFresh) this.#options.context.metrics.count('lostChanges');
    } else this.#ahead.set(tenant, version);
  }

  /** One at a time; what is asked for meanwhile is done after it. */
  #work(): Promise<void> {
    this.#isAsked = true;
    this.#working ??= this.#workOff().finally(() => {
      this.#working = null;
    });
    return this.#working;
  }

  async #workOff(): Promise<void> {
    // What this turn says about other tenants belongs to the same go.
    await null;
    // Who is unsure only, without asking, waits for the next beat: a queue that is full is not to be filled again and again.
    while (this.#isAsked) {
      this.#isAsked = false;
      await this.#lookAtAllUnsure();
    }
  }

  async #lookAtAllUnsure(): Promise<void> {
    const isAll = this.#allUnsure;
    if (!isAll && this.#unsure.size === 0) return;
    const tenants = isAll ? this.#allTenants() : [...this.#unsure];
    this.#allUnsure = false;
    this.#unsure.clear();
    try {
      for (const tenant of tenants) await this.#refresh(tenant);
      await this.#options.templates.allChanged();
      if (isAll && !this.#allUnsure && this.#channel?.isListening === true) this.#setFresh(true);
    } catch (error) {
      // The next beat tries again.
      if (isAll) this.#allUnsure = true;
      else for (const tenant of tenants) this.#unsure.add(tenant);
      this.#options.context.log.debug({ problem: textOf(error) }, 'versions cannot be read again yet');
    }
  }

  /** Those that were asked about, and those of everybody who is connected. */
  #allTenants(): (string | null)[] {
    const tenants = new Set(this.#options.directory.tenants);
    for (const { tenant } of this.#options.context.sessions.find({ connected: true })) tenants.add(tenant);
    return [...tenants];
  }

  /** Reads the state of a tenant, and looks at every user with a session whose version is not the one that its rights rest on. */
  async #refresh(tenant: string | null): Promise<void> {
    const { directory, objects, memory, lost, context } = this.#options;
    const before = directory.history(tenant)?.current ?? null;
    const state = await unlessMalformed(objects.state(tenant));
    directory.dropAll();
    if (state === null) return this.#cannotBeRead(tenant);
    this.#malformed.delete(tenant);
    // Nothing is known of it, so nothing is changed by it: who is connected keeps the rights he has until his lease ends.
    if (!lost.isThere(tenant, state)) return;
    if (this.#hasNewHistory(tenant, before, state)) {
      context.log.warn({ tenant, version: state.version }, 'Redis tells another history than before: everything is read again');
      context.metrics.count('resets');
      context.policy.invalidate({ tenant });
    }
    const names = new Set<string>();
    for (const { username } of context.sessions.find({ tenant })) if (username !== null) names.add(username);
    const all = [...names];
    for (let at = 0; at < all.length; at += USERS_AT_ONCE) {
      const some = all.slice(at, at + USERS_AT_ONCE);
      // Of a key of another type, the look at each of them tells whose it is.
      const versions = (await unlessMalformed(objects.userVersions(tenant, some))) ?? [];
      for (const [index, username] of some.entries()) {
        const known = memory.known(directory.userKey(tenant, username));
        if (known === undefined || known.epoch !== state.epoch || known.version !== versions[index]) this.#options.judge.look(tenant, username);
      }
    }
  }

  /** Nobody of this tenant can be confirmed, and none of another is to wait for it. */
  #cannotBeRead(tenant: string | null): void {
    const { context } = this.#options;
    if (!this.#malformed.has(tenant)) {
      context.log.error(
        { tenant },
        'version or epoch of a tenant are not as they must be: nobody of it can be confirmed; portcullis-redis check tells more',
      );
    }
    this.#malformed.add(tenant);
    context.policy.invalidate({ tenant });
  }

  /** Notes where the tenant stands. A version below one that was known before this was read, or another epoch, is another history. */
  #hasNewHistory(tenant: string | null, before: TenantState | null, state: TenantState): boolean {
    const history = this.#options.directory.history(tenant);
    const current = history?.current ?? null;
    if (history === undefined || before === null || current === null) return false;
    // What has been said since may well be newer than what was read.
    if (state.epoch === before.epoch && state.version >= before.version && state.version < current.version) return false;
    return history.observe(state.epoch, state.version) === 'reset';
  }

  #setFresh(isFresh: boolean): void {
    const { directory, templates, context } = this.#options;
    context.metrics.gauge('pushStale', isFresh ? 0 : 1);
    if (isFresh === this.#isFresh && isFresh) return;
    this.#isFresh = isFresh;
    if (isFresh) {
      directory.resume();
      templates.resume();
      context.log.info({}, 'changes in Redis are heard of');
    } else {
      directory.pause();
      templates.pause();
    }
  }
}

/** Null where the keys of a tenant are not as they must be: that says nothing of the server, nor of other tenants. */
async function unlessMalformed<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof MalformedObject) return null;
    throw error;
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
