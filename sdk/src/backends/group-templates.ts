import { BackendUnavailable } from '../errors.js';
import type { Rule } from '../rules.js';
import type { PluginTimers, PolicyService } from '../services.js';
import { AtOnce } from './at-once.js';
import { unlessAborted } from './leased-cache.js';

/** How a {@link GroupTemplates} reads, what bounds it, and what tests replace. */
export interface GroupTemplatesOptions {
  /** Where the templates are set. */
  readonly policy: Pick<PolicyService, 'setTemplate' | 'forgetTemplate'>;
  /** For what is tried again. */
  readonly timers: Pick<PluginTimers, 'after'>;
  /**
   * Reads all rules of a group, in order; none for a group that is not there. With null those that everybody of the tenant has. Ends by itself, in time.
   */
  load(tenant: string | null, group: string | null): Promise<readonly Rule[]>;
  /** Called when a group that has changed could not be read again: rights that rest on it cannot be confirmed. */
  failed(tenant: string | null, group: string | null, error: unknown): void;
  /** Longest time that rules stand without being read again, in milliseconds. */
  readonly leaseMs: number;
  /** At most so many groups are kept. */
  readonly maxGroups: number;
  /** Milliseconds that only grow; `performance.now` unless told. */
  readonly now?: () => number;
}

/** The templates of one client's groups. */
export interface UsedTemplates {
  /** Their names, in the order asked for. */
  readonly templates: readonly string[];
  /** Milliseconds until the first of them has to be read again. A policy must not stand longer. */
  readonly leftMs: number;
}

interface Group {
  readonly tenant: string | null;
  readonly name: string | null;
  readonly template: string;
  /** When the question was put that its rules are the answer to. */
  readAt: number;
  /** Until when its rules stand without being read again; negative while they have to be. */
  validUntil: number;
  lastUsedAt: number;
  /** Grows with every change: what was read before is not taken. */
  changes: number;
  loading: Promise<void> | null;
}

/** The backend has answered each time: it is this one group that is not to be had. */
class ChangesTooFast extends Error {}

const OUTDATED = Number.NEGATIVE_INFINITY;
const MAX_READS = 4;
const RETRIES = 2;
const RETRY_MS = 250;
const READ_AT_ONCE = 8;
/** A template that was handed out in this time may be about to be bound. */
const IDLE_MS = 60_000;

/**
 * Keeps the rules of groups as templates, which all their members share: read once, by one reader at a time, and again when they have changed. A group
 * that no client is bound to is forgotten when there is no room for another; when all are in use, another one is a fault.
 */
export class GroupTemplates {
  readonly #options: GroupTemplatesOptions;
  readonly #now: () => number;
  readonly #groups = new Map<string, Group>();
  readonly #reads = new AtOnce(READ_AT_ONCE);
  #keeps = true;

  constructor(options: GroupTemplatesOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** How many groups are kept. */
  get size(): number {
    return this.#groups.size;
  }

  /**
   * The templates of these groups (null stands for everybody of the tenant), which are read where they are not here, or have less than half of their
   * lease left. Rejects with what `load` rejects with, with an `Error` for rules that do not compile or a group too many, and with the reason of `signal`.
   *
   * The version of a policy must not be that of its groups: theirs do not grow when something else of the client has changed.
   */
  async use(tenant: string | null, groups: readonly (string | null)[], signal?: AbortSignal): Promise<UsedTemplates> {
    const { leaseMs } = this.#options;
    const used = groups.map((name) => this.#group(tenant, name));
    // Less than half would make the clients' leases ever shorter, and their questions ever more.
    const missing = used.filter((group) => group.validUntil - this.#now() < leaseMs / 2).map((group) => this.#read(group));
    if (missing.length > 0) await unlessAborted(Promise.all(missing), signal);
    const ends = used.map(({ readAt }) => readAt + leaseMs - this.#now());
    return { templates: used.map(({ template }) => template), leftMs: Math.max(1, Math.min(leaseMs, ...ends)) };
  }

  /** A group has changed: if it is kept, it is read again at once, and not used until that is done. */
  changed(tenant: string | null, name: string | null): void {
    const group = this.#groups.get(templateName(tenant, name));
    if (group !== undefined) void this.#readAgain(group);
  }

  /** All groups may have changed: each is read again, a few at a time. Resolves when that is done; never rejects. */
  async allChanged(): Promise<void> {
    await this.#readAllAgain([...this.#groups.values()]);
  }

  /** All groups of a tenant may have changed, and what everybody of it has. Resolves when they are read again; never rejects. */
  async tenantChanged(tenant: string | null): Promise<void> {
    await this.#readAllAgain([...this.#groups.values()].filter((group) => group.tenant === tenant));
  }

  /** From now on each use reads: for as long as nobody would say that a group has changed. */
  pause(): void {
    this.#keeps = false;
    for (const group of this.#groups.values()) group.validUntil = OUTDATED;
  }

  /** What is read from now on stands for its lease again. */
  resume(): void {
    this.#keeps = true;
  }

  #group(tenant: string | null, name: string | null): Group {
    const template = templateName(tenant, name);
    let group = this.#groups.get(template);
    if (group === undefined) {
      if (this.#groups.size >= this.#options.maxGroups) this.#makeRoom();
      group = { tenant, name, template, readAt: 0, validUntil: OUTDATED, lastUsedAt: 0, changes: 0, loading: null };
      this.#groups.set(template, group);
    }
    group.lastUsedAt = this.#now();
    return group;
  }

  /** Forgets what nobody is bound to. */
  #makeRoom(): void {
    const { maxGroups, policy } = this.#options;
    const idleSince = this.#now() - IDLE_MS;
    for (const [template, group] of this.#groups) {
      if (group.lastUsedAt > idleSince || group.loading !== null) continue;
      if (policy.forgetTemplate(template)) this.#groups.delete(template);
    }
    if (this.#groups.size >= maxGroups) throw new Error(`more than ${maxGroups} groups are in use at once`);
  }

  /** One reader at a time; whoever comes meanwhile waits for the same. */
  #read(group: Group): Promise<void> {
    group.loading ??= this.#readUntilUnchanged(group).finally(() => {
      group.loading = null;
    });
    return group.loading;
  }

  async #readUntilUnchanged(group: Group): Promise<void> {
    const { load, policy, leaseMs } = this.#options;
    for (let reads = 0; reads < MAX_READS; reads += 1) {
      const { changes } = group;
      const begunAt = this.#now();
      const rules = await this.#reads.run(() => load(group.tenant, group.name));
      if (changes !== group.changes) continue;
      policy.setTemplate(group.template, rules);
      group.readAt = begunAt;
      // While nothing is kept, an answer stands for those who wait for it, and no longer.
      group.validUntil = this.#keeps ? begunAt + leaseMs : OUTDATED;
      return;
    }
    throw new ChangesTooFast('a group changes faster than it can be read');
  }

  async #readAllAgain(groups: readonly Group[]): Promise<void> {
    for (const group of groups) outdate(group);
    await Promise.all(groups.map((group) => this.#readAgain(group)));
  }

  async #readAgain(group: Group): Promise<void> {
    outdate(group);
    const { changes } = group;
    for (let retries = 0; ; retries += 1) {
      try {
        return await this.#read(group);
      } catch (error) {
        // Whoever changed it since reads it as well.
        if (changes !== group.changes) return;
        if (retries === RETRIES || !(error instanceof BackendUnavailable || error instanceof ChangesTooFast))
          return this.#options.failed(group.tenant, group.name, error);
        await new Promise<void>((resolve) => void this.#options.timers.after(RETRY_MS, resolve));
      }
    }
  }
}

function outdate(group: Group): void {
  group.changes += 1;
  group.validUntil = OUTDATED;
}

/** Injective: a group named like everybody's rules, or like a group of another tenant, is another template. */
function templateName(tenant: string | null, name: string | null): string {
  return JSON.stringify(name === null ? ['everybody', tenant] : ['group', tenant, name]);
}
