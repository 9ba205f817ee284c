import type { Logger } from '../log.js';

/** Why a socket was not let in, or was closed before its CONNACK to make room. */
export type RefusalReason = 'connections' | 'listener' | 'address' | 'descriptors' | 'half-open' | 'pre-auth-bytes' | 'accept';

const TEXT: Record<RefusalReason, string> = {
  connections: 'connections are refused: maxConnections is reached',
  listener: 'connections are refused: the maxConnections of the listener is reached',
  address: 'connections are refused: maxConnectionsPerAddress is reached',
  descriptors: 'connections are refused: the process may open no more files but those in reserve',
  'half-open': 'connections are closed before their CONNACK: maxHalfOpen or maxHalfOpenPerAddress is reached',
  'pre-auth-bytes': 'connections are closed before their CONNACK: maxPreAuthTotalBytes is reached',
  accept: 'connections cannot be accepted: the system refuses them',
};

/** So long nobody is refused before an episode is over, in milliseconds. */
const QUIET_MS = 10_000;

interface Episode {
  count: number;
  lastAt: number;
}

/** Says once that a limit is reached, and once that it no longer is: a line for each refusal would be the attack's next victim. */
export class RefusalLog {
  readonly #log: Logger;
  readonly #episodes = new Map<RefusalReason, Episode>();

  constructor(log: Logger) {
    this.#log = log;
  }

  refused(reason: RefusalReason, now: number, fields: Readonly<Record<string, unknown>>): void {
    this.passed(now);
    const episode = this.#episodes.get(reason);
    if (episode !== undefined) {
      episode.count += 1;
      episode.lastAt = now;
      return;
    }
    this.#episodes.set(reason, { count: 1, lastAt: now });
    this.#log.warn({ reason, ...fields }, TEXT[reason]);
  }

  /** Ends the episodes that are over; called with every socket that is let in. */
  passed(now: number): void {
    if (this.#episodes.size === 0) return;
    for (const [reason, { count, lastAt }] of this.#episodes) {
      if (now - lastAt < QUIET_MS) continue;
      this.#episodes.delete(reason);
      this.#log.info({ reason, refused: count }, 'connections are let in again');
    }
  }
}
