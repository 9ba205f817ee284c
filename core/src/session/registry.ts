import { ReasonCode } from '@portcullis/sdk';
import { WheelTimer } from '../clock.js';
import type { GateClient, Message } from '../gate/index.js';
import type { Outlet } from './outlet.js';
import type { SessionRoom } from './room.js';
import { Session } from './session.js';

/** The will of a connected client, or of one that has gone and may come back. */
interface Will {
  readonly message: Message;
  readonly delaySeconds: number;
  readonly expirySeconds: number;
}

interface Held {
  readonly session: Session;
  will: Will | null;
  /** Made when first needed, as the next two. */
  willTimer: WheelTimer | null;
  expiryTimer: WheelTimer | null;
  judged: Judged | null;
}

/** Clients whose will is being judged, which may take its time; of these, those that have gone since: their rights are released after it. */
interface Judged {
  readonly judging: Set<GateClient>;
  readonly gone: Set<GateClient>;
}

/** What a user has. */
interface Owner {
  sessions: number;
  /** Of these, those with a connection. */
  connected: number;
}

export type OpenResult =
  | { readonly kind: 'opened'; readonly session: Session; readonly present: boolean }
  | { readonly kind: 'refused'; readonly reasonCode: number };

/** The client identifier is another user's; the user has too many connections; it, or everybody, has too many sessions. */
export type SessionRefusal = 'owner' | 'user' | 'sessions';

/** The reason codes by which they are told. */
export const SESSION_REFUSALS: Readonly<Record<SessionRefusal, number>> = {
  owner: ReasonCode.ClientIdentifierNotValid,
  user: ReasonCode.QuotaExceeded,
  sessions: ReasonCode.QuotaExceeded,
};

/** Publishes a will, judged by the rights of the moment in which it is; `judged` is called when they are no longer needed. */
export type WillPublisher = (session: Session, message: Message, judged: () => void) => void;

/** Who looks after messages that clients have retained. */
export interface PublisherKeeper {
  /** A client has got its session. */
  arrived(session: Session): void;
  /** A client is gone for good. True when its rights are still needed; `willFollows`: a will of its may be retained yet. */
  left(client: GateClient, willFollows?: boolean): boolean;
  /** A client is gone, and its session waits for it. */
  away(client: GateClient): void;
}

/** All sessions: who owns which client identifier, takeover, expiry and wills. */
export class SessionRegistry {
  publishers: PublisherKeeper | null = null;
  readonly #room: SessionRoom;
  readonly #publishWill: WillPublisher;
  readonly #held = new Map<string, Held>();
  readonly #owners = new Map<string, Owner>();

  constructor(room: SessionRoom, publishWill: WillPublisher) {
    this.#room = room;
    this.#publishWill = publishWill;
  }

  get size(): number {
    return this.#held.size;
  }

  *sessions(): IterableIterator<Session> {
    for (const held of this.#held.values()) yield held.session;
  }

  find(tenant: string | null, clientId: string): Session | undefined {
    return this.#held.get(tenantKey(tenant, clientId))?.session;
  }

  /**
   * Gives an accepted client its session: the one it has, or a new one. A connection that holds it is ended first. Another principal's client
   * identifier is refused and its owner is not disturbed.
   */
  open(client: GateClient, outlet: Outlet, cleanStart: boolean, will: Will | null): OpenResult {
    const refusal = this.refusalOf(client);
    if (refusal !== null) return this.#refuse(refusal);
    const key = tenantKey(client.tenant, client.info.id);
    const held = this.#held.get(key);
    if (held !== undefined) {
      this.#takeOver(held);
      const kept = this.#held.get(key);
      // Below another mountpoint its filters and messages have other names: there, it is another client's.
      const isSame = kept?.session.client.mountpoint === client.mountpoint;
      if (kept !== undefined && isSame && !cleanStart && this.#mayResume(client)) return this.#resume(kept, client, outlet, will);
      // [MQTT-3.1.2-4] Clean Start throws the old session away.
      if (kept !== undefined) this.end(kept.session);
    }
    return this.#create(key, client, outlet, will);
  }

  /** Why an accepted client would get no session, or null. Changes nothing. */
  refusalOf(client: GateClient): SessionRefusal | null {
    const held = this.#held.get(tenantKey(client.tenant, client.info.id));
    const { clientIdOwnership, perPrincipal } = this.#room.gate.sessionRules;
    if (held !== undefined && clientIdOwnership === 'principal' && held.session.client.username !== client.username) return 'owner';
    // A connection that is taken over makes room for this one.
    const owner = this.#ownerOf(client);
    const isOwn = held !== undefined && this.#ownerOf(held.session.client) === owner;
    const makesRoom = isOwn && held.session.outlet !== null;
    if (owner !== null && owner.connected - (makesRoom ? 1 : 0) >= this.#room.limits.maxConnectionsPerUser) return 'user';
    // Nothing is thrown out to make room. A session that is taken over from somebody else counts as one more.
    if (owner !== null && !isOwn && owner.sessions >= perPrincipal) return 'sessions';
    return held === undefined && this.#isFull(client) ? 'sessions' : null;
  }

  /** Whether there are as many sessions as there may be, of all clients or of the client's tenant. */
  #isFull(client: GateClient): boolean {
    const { limits, router } = this.#room;
    const { quota } = router.domain(client.tenant);
    return this.#held.size >= limits.maxSessions || quota.sessions >= quota.limits.sessions;
  }

  /** An anonymous session lasts only where identifiers are shared: one that is left from such a time is nobody's to come back to. */
  #mayResume(client: GateClient): boolean {
    return client.username !== null || this.#room.gate.sessionRules.clientIdOwnership === 'shared';
  }

  #refuse(refusal: SessionRefusal): OpenResult {
    if (refusal === 'user') this.#room.stats.refusedUser += 1;
    if (refusal === 'sessions') this.#room.stats.refusedSessions += 1;
    return { kind: 'refused', reasonCode: SESSION_REFUSALS[refusal] };
  }

  /**
   * The connection of a session has ended. `publishWill`: no DISCONNECT with success came. `expirySeconds`: what the DISCONNECT changed it to.
   */
  closed(session: Session, outlet: Outlet, publishWill: boolean, expirySeconds: number | null): void {
    const held = this.#held.get(session.registryKey);
    if (held === undefined || held.session !== session || session.outlet !== outlet) return;
    this.#count(session.client, 0, -1);
    if (expirySeconds !== null) session.expirySeconds = expirySeconds;
    const wasDurable = session.durable;
    session.durable = session.expirySeconds > 0;
    session.disconnected();
    if (!publishWill) held.will = null;
    if (!session.durable) {
      if (wasDurable) this.#room.custody.session({ kind: 'removed', session: session.key });
      this.end(session);
      return;
    }
    this.publishers?.away(session.client);
    const at = this.#room.wheel.clock.wall();
    this.#room.custody.session({ kind: 'closed', session: session.key, expirySeconds: session.expirySeconds, at });
    if (session.expirySeconds !== 0xffffffff) {
      held.expiryTimer ??= new WheelTimer(() => this.end(session));
      this.#room.wheel.schedule(held.expiryTimer, session.expirySeconds * 1000);
    }
    // [MQTT-3.1.2-8] After its delay, or with the end of the session, whichever comes first.
    if (held.will !== null) {
      if (held.will.delaySeconds === 0) this.#fireWill(held);
      else {
        held.willTimer ??= new WheelTimer(() => this.#fireWill(held));
        this.#room.wheel.schedule(held.willTimer, held.will.delaySeconds * 1000);
      }
    }
  }

  /** Seconds until the end of a session: from now on when its client is gone, from when it goes on while it is there; null for one without an end. */
  secondsLeft(session: Session): number | null {
    if (session.expirySeconds === 0xffffffff) return null;
    const timer = this.#held.get(session.registryKey)?.expiryTimer ?? null;
    if (session.connected || timer === null) return session.expirySeconds;
    return Math.max(0, Math.ceil((timer.dueAt - this.#room.wheel.clock.now()) / 1000));
  }

  /** Ends a session for good. Its will, if it still waits, is published now. */
  end(session: Session): void {
    const key = session.registryKey;
    const held = this.#held.get(key);
    if (held === undefined || held.session !== session) return;
    this.#held.delete(key);
    session.domain.quota.sessions -= 1;
    this.#cancel(held.expiryTimer);
    this.#fireWill(held);
    if (session.durable) this.#room.custody.session({ kind: 'removed', session: session.key });
    session.discard();
    this.#count(session.client, -1, 0);
    this.#room.stats.sessions = this.#held.size;
    this.#tell('sessionExpired', session);
    if (session.outlet === null) this.#release(held, session.client);
  }

  /** Sends the client away without ending the session's right to its will. */
  #takeOver(held: Held): void {
    const { session } = held;
    const { outlet } = session;
    if (outlet === null) return;
    this.#room.stats.takeovers += 1;
    this.#tell('sessionTakenOver', session);
    // [MQTT-3.1.4-3] The connection's end runs through `closed`, which may end the session.
    outlet.end(ReasonCode.SessionTakenOver, 'the session was taken over');
    if (session.outlet === outlet) this.closed(session, outlet, true, null);
  }

  #resume(held: Held, client: GateClient, outlet: Outlet, will: Will | null): OpenResult {
    const { session } = held;
    this.#cancel(held.expiryTimer);
    this.#cancel(held.willTimer);
    held.will = will;
    const before = session.client;
    // What sources announced while nobody was connected holds for whoever is now.
    for (const [plugin, version] of before.announced ?? []) client.announce(plugin, version);
    session.client = client;
    this.#count(before, -1, 0);
    this.#count(client, 1, 1);
    if (before !== client) this.#release(held, before);
    session.expirySeconds = client.info.sessionExpirySeconds;
    session.durable = session.durable || session.expirySeconds > 0;
    // Before it has its connection: whoever comes back to a subscription that has lost its right is not sent away for that.
    session.recheck('code');
    session.outlet = outlet;
    this.#opened(session);
    this.publishers?.arrived(session);
    this.#tell('sessionResumed', session);
    return { kind: 'opened', session, present: true };
  }

  #create(key: string, client: GateClient, outlet: Outlet, will: Will | null): OpenResult {
    const session = new Session(this.#room, client, this.#room.router.domain(client.tenant));
    session.registryKey = key;
    session.outlet = outlet;
    this.#held.set(key, { session, will, willTimer: null, expiryTimer: null, judged: null });
    this.#count(client, 1, 1);
    session.domain.quota.sessions += 1;
    this.#room.stats.sessions = this.#held.size;
    this.#opened(session);
    this.publishers?.arrived(session);
    this.#tell('sessionOpened', session);
    return { kind: 'opened', session, present: false };
  }

  /** What the user of a client has; null for an anonymous client, and for a user that has nothing. */
  #ownerOf(client: GateClient): Owner | null {
    const key = ownerKeyOf(client);
    return key === null ? null : (this.#owners.get(key) ?? null);
  }

  #count(client: GateClient, sessions: number, connected: number): void {
    const key = ownerKeyOf(client);
    if (key === null) return;
    const owner = this.#owners.get(key);
    if (owner === undefined) {
      this.#owners.set(key, { sessions, connected });
      return;
    }
    owner.sessions += sessions;
    owner.connected += connected;
    if (owner.sessions === 0) this.#owners.delete(key);
  }

  #opened(session: Session): void {
    if (!session.durable) return;
    this.#room.custody.session({ kind: 'opened', session: session.key, owner: session.client.username, expirySeconds: session.expirySeconds });
  }

  #fireWill(held: Held): void {
    const { will, session } = held;
    const { client } = session;
    this.#cancel(held.willTimer);
    if (will === null) return;
    // [MQTT-3.1.2-10] Once, and then it is gone.
    held.will = null;
    const { message, expirySeconds } = will;
    held.judged ??= { judging: new Set(), gone: new Set() };
    const { judging, gone } = held.judged;
    judging.add(client);
    this.#publishWill(session, expirySeconds < 0 ? message : message.expiring(this.#room.wheel.clock.now() + expirySeconds * 1000), () => {
      judging.delete(client);
      if (gone.delete(client) && !(message.retain && this.publishers?.left(client, true) === true)) client.binding.release();
    });
  }

  /** The client is gone; its rights go with it, but not before its will was judged by them, nor as long as its messages are retained by them. */
  #release(held: Held, client: GateClient): void {
    if (held.judged?.judging.has(client) === true) held.judged.gone.add(client);
    else if (this.publishers?.left(client) !== true) client.binding.release();
  }

  #cancel(timer: WheelTimer | null): void {
    if (timer !== null) this.#room.wheel.cancel(timer);
  }

  #tell(hook: 'sessionOpened' | 'sessionResumed' | 'sessionTakenOver' | 'sessionExpired', session: Session): void {
    if (!this.#room.gate.hears(hook)) return;
    this.#room.gate.tell(hook, { clientId: session.clientId, tenant: session.tenant, owner: session.client.username });
  }
}

/** The key of something in one tenant. Its name cannot hold U+0000, nor can a client identifier or a username: two pairs never share a key. */
export function tenantKey(tenant: string | null, key: string): string {
  return `${tenant ?? ''}\u0000${key}`;
}

/** Anonymous clients are nobody's: they share no allowance. */
function ownerKeyOf(client: GateClient): string | null {
  return client.username === null ? null : tenantKey(client.tenant, client.username);
}
