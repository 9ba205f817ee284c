import type { TimerWheel } from '../clock.js';
import type { Limits } from '../limits.js';
import type { Logger } from '../log.js';
import type { GateClient } from './client.js';

/** How long what follows the first refusal of a kind is only counted, in milliseconds. */
export const WINDOW_MS = 10_000;

export type DecisionLevel = 'debug' | 'info' | 'warn';

interface Burst {
  readonly level: DecisionLevel;
  readonly message: string;
  missed: number;
}

/**
 * Refusals, and connections that end otherwise than by their client, as lines of the log: of each client (before it is one, of each address) and
 * each kind the first at once, the others summed up each ten seconds. Bounded in what it remembers and in the lines that it writes, since strangers
 * can cause refusals at will; what goes beyond is summed up in one line. Of what is allowed every so-many-th is logged, if anything.
 */
export class DecisionLog {
  /** Of so many allowed decisions one is logged; 0 logs none. */
  allowedEvery = 0;
  readonly #log: Logger;
  readonly #wheel: TimerWheel;
  readonly #limits: Pick<Limits, 'decisionLogSources' | 'decisionLogLines'>;
  /** By client, or address, then by kind. A client lives on here for a window at most. */
  readonly #bursts = new Map<GateClient | string, Map<string, Burst>>();
  #size = 0;
  #lines = 0;
  /** Refusals for which there was no room, neither here nor in the log. */
  #beyond = 0;
  #sweeping = false;
  #allowed = 0;

  constructor(log: Logger, wheel: TimerWheel, limits: Pick<Limits, 'decisionLogSources' | 'decisionLogLines'>) {
    this.#log = log;
    this.#wheel = wheel;
    this.#limits = limits;
  }

  /** Whether this refusal is to be written now. If not, it is counted, where its level is written at all. `message` tells kinds apart. */
  takes(level: DecisionLevel, who: GateClient | string, message: string, count = 1): boolean {
    if (!this.#log.enabled(level)) return false;
    let kinds = this.#bursts.get(who);
    const burst = kinds?.get(message);
    if (burst !== undefined) {
      burst.missed += count;
      return false;
    }
    this.#sweepLater();
    const { decisionLogSources, decisionLogLines } = this.#limits;
    if (this.#size >= decisionLogSources || this.#lines >= decisionLogLines) {
      this.#beyond += count;
      return false;
    }
    if (kinds === undefined) {
      kinds = new Map();
      this.#bursts.set(who, kinds);
    }
    kinds.set(message, { level, message, missed: count - 1 });
    this.#size += 1;
    this.#lines += 1;
    return true;
  }

  /** Whether this allowed decision is the one of so many that is written. */
  samples(): boolean {
    if (this.allowedEvery === 0 || !this.#log.enabled('info')) return false;
    this.#allowed += 1;
    if (this.#allowed < this.allowedEvery) return false;
    this.#allowed = 0;
    return true;
  }

  write(level: DecisionLevel, fields: Readonly<Record<string, unknown>>, message: string): void {
    this.#log[level](fields, message);
  }

  /** A connection ended for a reason of its own: who sends garbage and comes back must not fill the log either. */
  ended(client: GateClient | null, address: string, code: string, detail: string): void {
    if (!this.takes('info', client ?? address, `connection ended: ${code}`)) return;
    this.#log.info({ client: client?.info.id, address, code, detail }, 'connection ended');
  }

  #sweepLater(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#wheel.after(WINDOW_MS, () => this.#sweep());
  }

  #sweep(): void {
    this.#sweeping = false;
    this.#lines = 0;
    for (const [who, kinds] of this.#bursts) {
      for (const [kind, burst] of kinds) {
        if (burst.missed === 0) {
          kinds.delete(kind);
          this.#size -= 1;
        } else this.#sum(who, burst);
      }
      if (kinds.size === 0) this.#bursts.delete(who);
    }
    if (this.#beyond > 0) this.#log.warn({ times: this.#beyond }, `more was refused than is logged one by one ${LAST}`);
    this.#beyond = 0;
    if (this.#size > 0) this.#sweepLater();
  }

  /** The burst goes on: what follows is summed up again. */
  #sum(who: GateClient | string, burst: Burst): void {
    const times = burst.missed;
    burst.missed = 0;
    if (this.#lines >= this.#limits.decisionLogLines) {
      this.#beyond += times;
      return;
    }
    this.#lines += 1;
    const fields = typeof who === 'string' ? { address: who } : { client: who.info.id, username: who.username };
    this.#log[burst.level]({ ...fields, times }, `${burst.message} ${LAST}`);
  }
}

const LAST = `(last ${WINDOW_MS / 1000} s)`;
