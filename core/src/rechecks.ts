import { AwayRights } from './away-rights.js';
import type { ConnectionRoom } from './connection/index.js';
import type { Concerned, GateClient, Standing, Tenancy } from './gate/index.js';
import { RetainedCheck } from './retained-check.js';
import { RightsLine } from './rights-line.js';
import type { Domain } from './router/index.js';
import type { Session } from './session/index.js';

/** One change of rights on its way to those whom it concerns. */
interface Round {
  /** What `gate.invalidations` was when it began. */
  readonly number: number;
  readonly since: number;
  readonly concerns: (client: Concerned) => boolean;
  /** Notes what a client is owed by it; null where all that it changes is in force already. */
  readonly owe: ((client: GateClient) => void) | null;
  /** Clients that were reached and are not judged yet, and whether all have been reached. */
  open: number;
  reachedAll: boolean;
}

/** What looking at a session that is concerned costs beside one that is not, and after how much of it the clock is looked at. */
const CONCERNED = 4;
const BETWEEN_LOOKS = 16;

/** Rules that are there for all, and are in force: nobody is owed anything. */
const NOTHING_OWED = null;

/** Takes changes of rights to the sessions that they concern, connected or not, in slices. */
export class Rechecks {
  readonly #room: ConnectionRoom;
  readonly #line: RightsLine;
  readonly #retained: RetainedCheck;
  readonly away: AwayRights;
  readonly #rounds = new Set<Round>();
  /** Plugins whose rules have changed since the walk that is under way began; null when none is. */
  #changedMeanwhile: Set<string> | null = null;

  constructor(room: ConnectionRoom) {
    this.#room = room;
    this.#line = new RightsLine(room);
    this.#retained = new RetainedCheck(room, (client) => this.away.later(client));
    this.away = new AwayRights(room, this.#retained, this.#line);
    room.registry.publishers = this.#retained;
    room.gate.announcedFor = (tenant, clientId) => room.registry.find(tenant, clientId)?.client.announced ?? null;
    room.gate.isSuperseded = (client, invalidations) => {
      for (const { number, concerns } of this.#rounds) if (number > invalidations && concerns(client)) return true;
      return false;
    };
  }

  /**
   * Templates changed: they are in force already. What is on its way is judged by them, and those who listen hear of it. Of templates that nobody is
   * bound to, only that: a source that reads each of many groups when its first member comes would have everybody judged again each time.
   */
  rulesChanged(plugin: string, inUse: boolean): void {
    const { gate } = this.#room;
    if (!inUse) {
      if (gate.hears('policyChanged')) gate.tell('policyChanged', { plugin, version: null, clients: 0 });
    } else if (this.#changedMeanwhile !== null) this.#changedMeanwhile.add(plugin);
    else this.#rules(new Set([plugin]));
  }

  /** A plugin that was down is there: code may have become part of what has to be asked. */
  tapsChanged(): void {
    const round = this.#begin(() => true, NOTHING_OWED);
    this.#walk(
      round,
      (session) => this.#judge(round, session, 'code'),
      () => {},
    );
  }

  /** The rights of these clients are loaded anew; an answer with a lower version than the one announced is not taken. */
  invalidate(concerns: (client: Concerned) => boolean, plugin: string, version: number | null): void {
    const { gate } = this.#room;
    gate.invalidations += 1;
    for (const admission of gate.admissions.all()) admission.invalidated(concerns, plugin, version);
    const round = this.#begin(concerns, (client) => {
      if (version !== null) client.announce(plugin, version);
      client.owed ??= client.standing;
    });
    let clients = 0;
    const each = (session: Session): void => {
      round.owe?.(session.client);
      if (session.connected) clients += 1;
      this.#reload(round, session);
    };
    this.#walk(round, each, () => {
      this.#reloadPublishers(round);
      if (plugin !== '' && gate.hears('policyChanged')) gate.tell('policyChanged', { plugin, version, clients });
    });
  }

  /** What is kept for tenants that are none any more. Who has such a name later begins with nothing. */
  #lostTenants(before: Tenancy): Domain[] {
    const { gate, router } = this.#room;
    return router.tenants.filter(({ tenant }) => tenant !== '' && gate.tenancy.hasLost(tenant, before));
  }

  /** Forgets their retained messages, in slices. */
  #clear(domains: Iterable<Domain>): void {
    const { router, turns } = this.#room;
    for (const domain of domains) {
      const steps = router.clear(domain);
      const slice = (): void => {
        const until = turns.begin(domain);
        for (;;) {
          if (steps.next().done === true) return;
          if (turns.over(until)) return turns.later(slice);
        }
      };
      turns.later(slice);
    }
  }

  /** Its tenant is gone: the connection ends, the session with it, and nothing is published in its name any more. */
  #endTenantless(session: Session): void {
    session.client.barred = true;
    session.outlet?.end(0x98, 'its tenant is no longer in the configuration');
    this.#room.registry.end(session);
  }

  /** Every session comes to stand under the new generation; until its rights are loaded, the old ones are in force. */
  newGeneration(chains: ReadonlyMap<string, string>, before: Tenancy): void {
    const { gate } = this.#room;
    // A listener or a tenant may have got another chain; the clients of a listener that is gone stay under theirs.
    const standingOf = ({ info, tenant, standing }: GateClient): Standing | undefined => {
      const { listener } = info.connection;
      return gate.standingAt(listener, tenant, chains.get(listener) ?? standing.chain.name);
    };
    const lost = new Set(this.#lostTenants(before));
    this.#clear(lost);
    const owe = (client: GateClient): void => {
      const standing = standingOf(client);
      if (standing === client.standing) return;
      const isLost = standing === undefined || (client.tenant !== null && gate.tenancy.hasLost(client.tenant, before));
      // Whoever comes back is asked for credentials. What is done in its name meanwhile has nobody who stands for it.
      if (isLost || !standing.chain.authenticate.includes(client.authority)) client.barred = true;
      if (standing === undefined) return;
      client.owed = standing;
      // What the plugins of the configuration before have announced says nothing about what those of this one will.
      if (standing.engine !== client.standing.engine) client.announced = null;
    };
    const round = this.#begin(() => true, owe);
    const each = (session: Session): void => {
      if (lost.has(session.domain)) return this.#endTenantless(session);
      const { client, leases } = session;
      const standing = standingOf(client);
      // It came while the others were being reached, and stands under it already.
      if (standing === client.standing) return;
      if (standing === undefined) {
        client.barred = true;
        session.outlet?.end(0x98, 'its chain is no longer in the configuration, or its tenant not admitted there any more');
      } else if (leases !== null && !leases.isVouchedFor(standing)) leases.renew(standing);
      else {
        owe(client);
        this.#reload(round, session);
      }
    };
    this.#walk(round, each, () => {
      // What they have retained until they were reached.
      this.#clear(this.#lostTenants(before).filter((domain) => lost.has(domain)));
      this.#retained.forgetAllBut(standingOf);
      this.#reloadPublishers(round);
    });
  }

  /**
   * Makes sure of a client that is gone, before something is published in its name; tells whether it stands. `away.judged` is to be called when that
   * is decided.
   */
  confirm(client: GateClient, done: (stands: boolean) => void): void {
    // It has left before a change that is on its way has reached it: no walk will find it any more.
    for (const { reachedAll, concerns, owe } of this.#rounds) if (!reachedAll && owe !== null && concerns(client)) owe(client);
    this.away.confirm(client, done);
  }

  #rules(plugins: ReadonlySet<string>): void {
    const { gate } = this.#room;
    const meanwhile = new Set<string>();
    this.#changedMeanwhile = meanwhile;
    const concerns = ({ sources }: Concerned): boolean => sources.some((source) => plugins.has(source));
    const round = this.#begin(concerns, NOTHING_OWED);
    const connected = new Map<string, number>();
    const each = (session: Session): void => {
      if (session.connected) for (const source of session.client.sources) connected.set(source, (connected.get(source) ?? 0) + 1);
      this.#judge(round, session, 'rules');
    };
    this.#walk(round, each, () => {
      for (const client of this.#retained.publishers()) if (concerns(client)) this.#retained.check(client);
      if (gate.hears('policyChanged')) {
        for (const plugin of plugins) gate.tell('policyChanged', { plugin, version: null, clients: connected.get(plugin) ?? 0 });
      }
      this.#changedMeanwhile = null;
      if (meanwhile.size > 0) this.#rules(meanwhile);
    });
  }

  #begin(concerns: Round['concerns'], owe: Round['owe']): Round {
    const { gate } = this.#room;
    const round: Round = { number: gate.invalidations, since: gate.now(), concerns, owe, open: 0, reachedAll: false };
    this.#rounds.add(round);
    if (owe !== null) this.away.changed(concerns, owe);
    return round;
  }

  /** Goes to every session that the round concerns; `end` is called when all have been reached. */
  #walk(round: Round, each: (session: Session) => void, end: () => void): void {
    const { urgent, registry } = this.#room;
    const sessions = registry.sessions();
    const slice = (): void => {
      const until = urgent.begin(this.#room);
      let work = 0;
      for (let next = sessions.next(); next.done !== true; next = sessions.next()) {
        const session = next.value;
        const concerned = round.concerns(session.client);
        if (concerned) this.#guarded(session, each);
        work += concerned ? CONCERNED : 1;
        if (work < BETWEEN_LOOKS) continue;
        work = 0;
        if (!urgent.over(until)) continue;
        this.#lag(round);
        return urgent.later(slice);
      }
      round.reachedAll = true;
      end();
      this.#close(round);
    };
    slice();
  }

  /** Whoever cannot be judged is not served by what it had. */
  #guarded(session: Session, each: (session: Session) => void): boolean {
    try {
      each(session);
      return true;
    } catch (error) {
      this.#room.stats.invariantsBroken += 1;
      this.#room.log.error({ client: session.clientId, error }, 'a session could not be judged again');
      session.outlet?.end(0x83, 'the session could not be judged again');
      return false;
    }
  }

  #judge(round: Round, session: Session, scope: 'rules' | 'code'): void {
    const judged = this.#open(round);
    session.recheck(scope, judged);
    this.#retained.check(session.client);
  }

  /** Loads the rights of a session in its turn: those of the chain that it stands under, or of another. */
  #reload(round: Round, session: Session): void {
    const { client } = session;
    const load = (done: () => void): void => {
      // Another client may have come to the session: its rights were loaded on its way in.
      const leases = session.client === client ? session.leases : null;
      if (leases === null) return this.away.reload(client, done);
      const judged = (): void => {
        this.#retained.check(client);
        done();
      };
      const owed = client.owed ?? client.standing;
      const begun = this.#guarded(session, () => {
        if (owed === client.standing) leases.invalidate(judged);
        else leases.renew(owed, judged);
      });
      if (!begun) done();
    };
    this.#line.add(client, load, this.#open(round));
  }

  /** Of those who are gone, and whose messages are still retained, the rights are loaded anew as well. */
  #reloadPublishers(round: Round): void {
    for (const client of this.#retained.publishers()) {
      if (!round.concerns(client)) continue;
      round.owe?.(client);
      this.away.later(client, this.#open(round));
    }
  }

  #open(round: Round): () => void {
    round.open += 1;
    this.#room.stats.rechecksWaiting += 1;
    return () => {
      round.open -= 1;
      this.#room.stats.rechecksWaiting -= 1;
      this.#close(round);
    };
  }

  #close(round: Round): void {
    if (!round.reachedAll || round.open > 0) return;
    this.#lag(round);
    if (this.#rounds.delete(round)) this.#room.stats.revocationsDone += 1;
  }

  #lag({ since }: Round): void {
    const { stats, gate } = this.#room;
    stats.revocationLagMs = Math.round(gate.now() - since);
    if (stats.revocationLagMs > stats.revocationLagMaxMs) stats.revocationLagMaxMs = stats.revocationLagMs;
  }
}
