import { ReasonCode } from '@portcullis/sdk';
import type { ConnectionRoom } from './connection/index.js';
import type { Session } from './session/index.js';

/** Which sessions are meant. Null: all. */
export interface SessionFilter {
  readonly clientId: string | null;
  readonly username: string | null;
  readonly tenant: string | null;
}

/** A session as an administrator sees it. No message and no topic filter is in it. */
export interface ListedSession {
  readonly clientId: string;
  /** Null for none. */
  readonly tenant: string | null;
  /** Whose it is; null for an anonymous client's. */
  readonly username: string | null;
  readonly connected: boolean;
  /** Remote address of its connection, or of the last one. */
  readonly address: string;
  readonly listener: string;
  readonly subscriptions: number;
  /** Messages that wait, and that were sent and are not acknowledged. */
  readonly waiting: number;
  /** Seconds that the session has when its client goes, or, when it is gone, that are left; null when it never ends. */
  readonly expirySeconds: number | null;
}

export interface SessionList {
  readonly sessions: readonly ListedSession[];
  /** How many are meant, those that are not shown included. */
  readonly total: number;
}

/** `none`: there is no such session. `connected`: its client is, and was to stay. */
export type Released = 'released' | 'none' | 'connected';

/** Characters of client identifiers, usernames and addresses in one list: longer ones end before their limit. */
const MAX_LISTED_CHARACTERS = 4_194_304;
const BETWEEN_LOOKS = 64;

/** What an administrator may do with the sessions of a running broker. */
export class SessionAdmin {
  readonly #room: () => ConnectionRoom | undefined;

  /** `room`: that of the running broker; undefined while it starts. */
  constructor(room: () => ConnectionRoom | undefined) {
    this.#room = room;
  }

  /** The first `limit` sessions that are meant, found in slices: there may be a million. Null while the broker starts. */
  list(filter: SessionFilter, limit: number): Promise<SessionList> | null {
    const room = this.#room();
    if (room === undefined) return null;
    const { registry, turns } = room;
    const sessions: ListedSession[] = [];
    let total = 0;
    let characters = 0;
    const all = registry.sessions();
    return new Promise((resolve) => {
      const slice = (): void => {
        const until = turns.begin(this);
        for (let seen = 1; ; seen += 1) {
          const { value: session, done } = all.next();
          if (done === true) return resolve({ sessions, total });
          if (isMeant(session, filter)) {
            total += 1;
            if (sessions.length < limit && characters < MAX_LISTED_CHARACTERS) {
              const shown = listed(session, registry.secondsLeft(session));
              characters += shown.clientId.length + (shown.username?.length ?? 0) + shown.address.length;
              sessions.push(shown);
            }
          }
          if (seen % BETWEEN_LOOKS === 0 && turns.over(until)) return turns.later(slice);
        }
      };
      slice();
    });
  }

  /**
   * Ends a session for good and frees its client identifier: its subscriptions and what waits are gone, its will, if it still waits, is published now
   * and judged as always. A connected client keeps everything unless `disconnect`, and else is told 0x98 first. Null while the broker starts.
   */
  release(clientId: string, tenant: string | null, disconnect: boolean): Released | null {
    const room = this.#room();
    if (room === undefined) return null;
    const { registry, log } = room;
    const session = registry.find(tenant, clientId);
    if (session === undefined) return 'none';
    const { connected } = session;
    if (connected && !disconnect) return 'connected';
    session.outlet?.end(ReasonCode.AdministrativeAction, 'released by an administrator');
    // One that does not outlive its connection has ended with it.
    registry.end(session);
    log.info({ client: clientId, tenant, user: session.client.username, connected }, 'session released by an administrator');
    return 'released';
  }
}

function isMeant({ clientId, client, tenant }: Session, filter: SessionFilter): boolean {
  if (filter.clientId !== null && filter.clientId !== clientId) return false;
  if (filter.username !== null && filter.username !== client.username) return false;
  return filter.tenant === null || filter.tenant === tenant;
}

function listed(session: Session, expirySeconds: number | null): ListedSession {
  const { clientId, tenant, client, connected, subscriptions, queueLength, inFlight } = session;
  const { address, listener } = client.info.connection;
  const waiting = queueLength + inFlight.count;
  return { clientId, tenant, username: client.username, connected, address, listener, subscriptions: subscriptions.size, waiting, expirySeconds };
}
