import type { PluginContext } from '@portcullis/sdk';
import type { Directory } from './directory.js';
import { inBackground } from './in-background.js';
import { isUnchanged, type Memory } from './memory.js';
import { LostTenant, MalformedObject } from './redis-errors.js';

/** DISCONNECT "not authorized". */
const NOT_AUTHORIZED = 0x87;
/** DISCONNECT "server busy": the user cannot be confirmed, and may come again. */
const UNCONFIRMED = 0x89;
/** Users that wait to be looked at; when there are more, all of the tenant are held against their versions once more. */
const MAX_WAITING = 10_000;
const AT_ONCE = 16;

interface Subject {
  readonly tenant: string | null;
  readonly username: string;
}

export interface JudgeOptions {
  readonly context: Pick<PluginContext, 'sessions' | 'policy' | 'log' | 'metrics' | 'signal'>;
  readonly directory: Directory;
  readonly memory: Memory;
  /** Somebody could not be looked at, or too many wait: whoever of this tenant has another version has to be looked at again. */
  readonly unsure: (tenant: string | null) => void;
}

/**
 * Looks again at users who have changed: who is gone, disabled, or has another password or other attributes is disconnected, of all others the
 * rights are loaded anew.
 */
export class Judge {
  readonly #options: JudgeOptions;
  readonly #waiting = new Map<string, Subject>();
  readonly #working = new Set<string>();

  constructor(options: JudgeOptions) {
    this.#options = options;
  }

  /** How many are waiting or being looked at. */
  get pending(): number {
    return this.#waiting.size + this.#working.size;
  }

  /** The user has changed. What is kept of it must have been dropped before. */
  look(tenant: string | null, username: string): void {
    const key = this.#options.directory.userKey(tenant, username);
    if (this.#waiting.size >= MAX_WAITING && !this.#waiting.has(key)) {
      this.#options.unsure(tenant);
      return;
    }
    this.#waiting.set(key, { tenant, username });
    this.#next();
  }

  /** The same, unless the user is being looked at in this moment. */
  lookUnlessAtWork(tenant: string | null, username: string): void {
    if (!this.#working.has(this.#options.directory.userKey(tenant, username))) this.look(tenant, username);
  }

  #next(): void {
    for (const [key, subject] of this.#waiting) {
      if (this.#working.size >= AT_ONCE) return;
      // One after the other for one user: the later look must find the later state.
      if (this.#working.has(key)) continue;
      this.#waiting.delete(key);
      this.#working.add(key);
      const work = this.#judge(key, subject).finally(() => {
        this.#working.delete(key);
        this.#next();
      });
      inBackground(work, this.#options.context.signal);
    }
  }

  async #judge(key: string, { tenant, username }: Subject): Promise<void> {
    const { directory, memory, unsure, context } = this.#options;
    const before = memory.known(key);
    if (before === undefined && context.sessions.find({ tenant, username }).length === 0) {
      // Nobody to look at: many users written in one go must not be read for it. Who is on the way in loads rights again.
      context.policy.invalidate({ tenant, username });
      return;
    }
    try {
      const user = (await directory.user(tenant, username))?.value;
      // Whom Redis has neither let in nor given rights, it does not turn out either.
      const isForeign = before === undefined && user === undefined && !memory.hasForgotten;
      if (!isForeign && (user === undefined || !user.enabled)) {
        memory.forget(key);
        this.#end(tenant, username, NOT_AUTHORIZED, user === undefined ? 'the user is gone' : 'the user is disabled');
      } else if (user !== undefined) {
        const now = memory.standingOf(user);
        // Of whom nothing is known, it is not known either that this is the password of the session.
        const isSame = before === undefined ? user.hash === '' : before.password === now.password && before.attributes === now.attributes;
        memory.know(key, now);
        if (isUnchanged(before, now)) return;
        if (!isSame) this.#end(tenant, username, NOT_AUTHORIZED, 'the user has another password or other attributes');
      }
      // Also of those who are away: their sessions keep messages.
      context.policy.invalidate({ tenant, username }, user?.announced);
    } catch (error) {
      if (!(error instanceof MalformedObject) || error instanceof LostTenant) return unsure(tenant);
      context.log.error({ problem: error.message }, 'a user cannot be used as it stands in Redis');
      this.#end(tenant, username, UNCONFIRMED, 'the user cannot be confirmed');
      context.policy.invalidate({ tenant, username });
    }
  }

  #end(tenant: string | null, username: string, reasonCode: number, why: string): void {
    const { sessions, log, metrics } = this.#options.context;
    const count = sessions.disconnect({ tenant, username }, reasonCode);
    if (count === 0) return;
    metrics.count('disconnected', count);
    log.info({ tenant, username, clients: count }, `disconnected: ${why}`);
  }
}
