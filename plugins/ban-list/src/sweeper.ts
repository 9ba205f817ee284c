import type { ClientSummary, PluginTimers, SessionsService } from '@portcullis/sdk';
import type { Subject } from './bans.js';

/** Clients that are looked at between two turns of the event loop. */
const LOOKS_PER_TURN = 500;

/** Disconnects whoever is connected and has come onto the list, some at a time. */
export class Sweeper {
  readonly #sessions: Pick<SessionsService, 'find' | 'disconnect'>;
  readonly #timers: Pick<PluginTimers, 'after'>;
  readonly #isBanned: (subject: Subject) => boolean;
  readonly #done: (disconnected: number) => void;
  readonly #planned = new Map<number, () => void>();
  /** Which walk goes on; an older one ends, since the newer sees all that it would have seen. */
  #walk = 0;

  /** `done`: how many a walk has disconnected, if any. */
  constructor(
    sessions: Pick<SessionsService, 'find' | 'disconnect'>,
    timers: Pick<PluginTimers, 'after'>,
    isBanned: (subject: Subject) => boolean,
    done: (disconnected: number) => void,
  ) {
    this.#sessions = sessions;
    this.#timers = timers;
    this.#isBanned = isBanned;
    this.#done = done;
  }

  /** Looks at all clients after so many milliseconds; one that was planned after the same time is put off instead of being done twice. */
  sweepAfter(milliseconds: number): void {
    this.#planned.get(milliseconds)?.();
    const cancel = this.#timers.after(milliseconds, () => {
      this.#planned.delete(milliseconds);
      this.#walk += 1;
      this.#step(this.#walk, this.#sessions.find({ connected: true }), 0, 0);
    });
    this.#planned.set(milliseconds, cancel);
  }

  /** Ends the connection of one client, with the code for what an administrator does (0x98). */
  disconnect(clientId: string, tenant: string | null): number {
    return this.#sessions.disconnect({ clientId, tenant });
  }

  #step(walk: number, clients: readonly ClientSummary[], from: number, before: number): void {
    if (walk !== this.#walk) return this.#tell(before);
    let disconnected = before;
    const to = Math.min(from + LOOKS_PER_TURN, clients.length);
    for (const client of clients.slice(from, to)) {
      if (!this.#isBanned(client)) continue;
      // By now somebody else may be connected under its identifier.
      const [current] = this.#sessions.find({ clientId: client.clientId, tenant: client.tenant, connected: true });
      if (current !== undefined && this.#isBanned(current)) disconnected += this.disconnect(client.clientId, client.tenant);
    }
    if (to < clients.length) this.#timers.after(1, () => this.#step(walk, clients, to, disconnected));
    else this.#tell(disconnected);
  }

  #tell(disconnected: number): void {
    if (disconnected > 0) this.#done(disconnected);
  }
}
