import { WheelTimer } from './clock.js';
import type { ConnectionRoom } from './connection/index.js';
import { type GateClient, loadPolicy, REFRESH_RETRY_MS } from './gate/index.js';
import type { Pending } from './hooks/index.js';
import type { RetainedCheck } from './retained-check.js';
import type { RightsLine } from './rights-line.js';

/** A load of rights that is out: one for each client. */
interface Load {
  pending: Pending | null;
  /** Grows with every question: an answer to an earlier one is thrown away. */
  number: number;
  /** Whether the rights have changed since the question. */
  stale: boolean;
  /** Told when it is over, or another takes its place. */
  over: () => void;
  /** Told whether the rights stand. */
  will: ((stands: boolean) => void) | null;
}

/** Longest pause before a source that could not answer is asked again, in milliseconds. */
const MOST_RETRY_MS = 30_000;
const nobody = (): void => {};

/**
 * Loads the rights of clients that are not connected: what waits for them is judged by these, and so is what they have left behind, a will or a
 * retained message. Of two loads the later one counts, whichever is answered first.
 */
export class AwayRights {
  readonly #room: ConnectionRoom;
  readonly #retained: RetainedCheck;
  readonly #line: RightsLine;
  readonly #loads = new Map<GateClient, Load>();
  /** Clients whose will is being judged: they may have no session any more, so that no walk over the sessions reaches them. */
  readonly #testators = new Set<GateClient>();
  /** Publishers of retained messages whose rights could not be loaded. */
  readonly #unsure = new Set<GateClient>();
  readonly #retry = new WheelTimer(() => this.#askAgain());
  #retryMs = REFRESH_RETRY_MS;

  constructor(room: ConnectionRoom, retained: RetainedCheck, line: RightsLine) {
    this.#room = room;
    this.#retained = retained;
    this.#line = line;
  }

  /** Loads them when their turn comes. */
  later(client: GateClient, done: () => void = nobody): void {
    this.#line.add(client, (over) => this.reload(client, over), done);
  }

  /** Loads them now. `done` is called when what depends on them was judged by them, or could not be, or another load takes the place of this. */
  reload(client: GateClient, done: () => void): void {
    if (!this.#isNeeded(client)) return done();
    const load = this.#loads.get(client) ?? { pending: null, number: 0, stale: false, over: nobody, will: null };
    const { over } = load;
    load.over = done;
    this.#loads.set(client, load);
    over();
    this.#ask(client, load);
  }

  /**
   * Makes sure of the identity and the rights of a client before its will is published: those that were still to be loaded when it left, or whose lease
   * has ended since, are asked for now. Tells whether they stand. Until `judged` is called, changes of rights are looked out for.
   */
  confirm(client: GateClient, done: (stands: boolean) => void): void {
    this.#testators.add(client);
    if (client.barred) return done(false);
    this.#confirmIdentity(client, (stands) => {
      if (!stands) return done(false);
      const { gate } = this.#room;
      const load = this.#loads.get(client);
      if (load !== undefined) load.will = done;
      else if (client.owed === null && client.rightsEndAt > gate.now()) done(true);
      else {
        const own = { pending: null, number: 0, stale: false, over: nobody, will: done };
        this.#loads.set(client, own);
        this.#ask(client, own);
      }
    });
  }

  /** The will of a client was judged. Tells whether that was by the rights that it has: they may have changed while code was asked. */
  judged(client: GateClient): boolean {
    this.#testators.delete(client);
    return client.owed === null && !client.barred;
  }

  /** Rights have changed: what these clients are owed is noted, and an answer to what was asked before does not count. */
  changed(concerns: (client: GateClient) => boolean, owe: (client: GateClient) => void): void {
    for (const client of new Set([...this.#testators, ...this.#loads.keys()])) {
      if (!concerns(client)) continue;
      owe(client);
      const load = this.#loads.get(client);
      if (load !== undefined) load.stale = true;
    }
  }

  #confirmIdentity(client: GateClient, done: (stands: boolean) => void): void {
    const { gate } = this.#room;
    const now = gate.now();
    if (client.leaseSeconds === null || client.identifiedAt + client.leaseSeconds * 1000 > now) return done(true);
    const { hooks, chain } = client.owed ?? client.standing;
    if (!hooks.taps(client.authority, 'refreshIdentity')) {
      client.barred = true;
      return done(false);
    }
    hooks.askPlugin(client.authority, 'refreshIdentity', client.refreshRequest(now), { deadlineAt: now + chain.deadlineMs }, (outcome) => {
      if (outcome.kind === 'allow') client.identifiedAt = gate.now();
      else if (outcome.kind === 'deny') client.barred = true;
      done(outcome.kind === 'allow' && !client.barred);
    });
  }

  #ask(client: GateClient, load: Load): void {
    const { gate } = this.#room;
    load.pending?.cancel();
    load.pending = null;
    load.stale = false;
    load.number += 1;
    const { number } = load;
    const standing = client.owed ?? client.standing;
    const reason = client.owed === null ? 'lease' : standing === client.standing ? 'invalidated' : 'reload';
    client.owed = standing;
    const isCurrent = (): boolean => number === load.number && this.#loads.get(client) === load;
    const pending = loadPolicy(standing, client, reason, client.knownVersions, gate.now() + standing.chain.deadlineMs, (result) => {
      const loaded = result.kind === 'policy';
      if (!isCurrent() || load.stale || !this.#isNeeded(client)) {
        if (loaded) result.binding.release();
        if (!isCurrent()) return;
        if (!load.stale || !this.#isNeeded(client)) return this.#end(client, load);
        // Not in this turn: a source may say that its rights have changed each time that it is asked for them.
        return this.#room.urgent.later(() => {
          if (isCurrent()) this.#ask(client, load);
        });
      }
      if (loaded) client.adopt(standing, result, gate.now());
      else client.unconfirmed = true;
      this.#end(client, load);
    });
    if (pending !== null && isCurrent()) load.pending = pending;
  }

  #end(client: GateClient, load: Load): void {
    this.#loads.delete(client);
    load.pending = null;
    load.will?.(client.owed === null && !client.barred);
    // What somebody has left who is refused by now is judged by its rights like anybody's.
    if (client.owed !== null) {
      this.#doubt(client);
      return load.over();
    }
    this.#retryMs = REFRESH_RETRY_MS;
    const judged = (): void => {
      this.#retained.check(client);
      load.over();
    };
    const session = this.#sessionOf(client);
    if (session === undefined) judged();
    // Nobody is connected who could be told. What was queued is judged again when the client comes back.
    else session.recheck('code', judged);
  }

  /** Its retained messages are handed to nobody until the source has answered: it is asked again for as long as there are any. */
  #doubt(client: GateClient): void {
    if (!this.#retained.doubt(client)) return;
    this.#unsure.add(client);
    if (!this.#retry.scheduled) this.#room.wheel.schedule(this.#retry, this.#retryMs);
  }

  #askAgain(): void {
    this.#retryMs = Math.min(MOST_RETRY_MS, this.#retryMs * 2);
    const unsure = [...this.#unsure];
    this.#unsure.clear();
    for (const client of unsure) if (client.owed !== null) this.later(client);
  }

  /** Whether something still depends on the rights of this client: its session, if nobody has come back to it, a retained message, its will. */
  #isNeeded(client: GateClient): boolean {
    return this.#testators.has(client) || this.#retained.remembers(client) || this.#sessionOf(client) !== undefined;
  }

  #sessionOf(client: GateClient) {
    const session = this.#room.registry.find(client.tenant, client.info.id);
    return session?.client === client && session.leases === null ? session : undefined;
  }
}
