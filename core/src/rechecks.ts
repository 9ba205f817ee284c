import type { ConnectionRoom } from './connection/index.js';
import { type GateClient, loadPolicy, type Standing, type Tenancy } from './gate/index.js';
import { RetainedCheck } from './retained-check.js';
import { RightsLine } from './rights-line.js';
import type { Domain } from './router/index.js';
import type { Session } from './session/index.js';

/** One change of rights on its way to those whom it concerns. */
interface Round {
  /** What `gate.invalidations` was when it began. */
  readonly number: number;
  readonly since: number;
  readonly concerns: (client: GateClient) => boolean;
  /** Clients that were reached and are not judged yet, and whether all have been reached. */
  open: number;
  reachedAll: boolean;
}

/** What looking at a session that is concerned costs beside one that is not, and after how much of it the clock is looked at. */
const CONCERNED = 4;
const BETWEEN_LOOKS = 16;

/** Takes changes of rights to the sessions that they concern, connected or not, in slices. */
export class Rechecks {
  readonly #room: ConnectionRoom;
  readonly #line: RightsLine;
  readonly #retained: RetainedCheck;
  readonly #rounds = new Set<Round>();
  /** Plugins whose rules have changed since the walk that is under way began; null when none is. */
  #changedMeanwhile: Set<string> | null = null;

  constructor(room: ConnectionRoom) {
    this.#room = room;
    this.#line = new RightsLine(room);
    this.#retained = new RetainedCheck(room);
    room.registry.publishers = this.#retained;
    room.gate.isSuperseded = (client, invalidations) => {
      for (const { number, concerns } of this.#rounds) if (number > invalidations && concerns(client)) return true;
      return false;
    };
  }

  /** Templates changed: they are in force already. What is on its way is judged by them, and those who listen hear of it. */
  rulesChanged(plugin: string): void {
    if (this.#changedMeanwhile !== null) this.#changedMeanwhile.add(plugin);
    else this.#rules(new Set([plugin]));
  }

  /** A plugin that was down is there: code may have become part of what has to be asked. */
  tapsChanged(): void {
    const round = this.#begin(() => true);
    this.#walk(
      round,
      (session) => this.#judge(round, session, 'code'),
      () => {},
    );
  }

  /** The rights of these clients are loaded anew; an answer with a lower version than the one announced is not taken. */
  invalidate(concerns: (client: GateClient) => boolean, plugin: string, version: number | null): void {
    const { gate } = this.#room;
    gate.invalidations += 1;
    const round = this.#begin(concerns);
    let clients = 0;
    const each = (session: Session): void => {
      const { client } = session;
      if (version !== null) client.announce(plugin, version);
      if (session.connected) clients += 1;
      this.#reload(round, session, null);
    };
    this.#walk(round, each, () => {
      this.#reloadPublishers(round, plugin, version);
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
    const round = this.#begin(() => true);
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
        // Whoever comes back is asked for credentials. What is done in its name meanwhile has nobody who stands for it.
        if (leases === null && !standing.chain.authenticate.includes(client.authority)) client.barred = true;
        this.#reload(round, session, standing);
      }
    };
    this.#walk(round, each, () => {
      // What they have retained until they were reached.
      this.#clear(this.#lostTenants(before).filter((domain) => lost.has(domain)));
      this.#retained.forgetAllBut(standingOf);
      this.#reloadPublishers(round, '', null);
    });
  }

  /**
   * Makes sure of the rights of a client that is no longer connected, before something is published in its name: those that were still to be
   * loaded when it left, or could not be, are loaded now. Tells whether they stand.
   */
  confirm(client: GateClient, done: (stands: boolean) => void): void {
    const { gate } = this.#room;
    const standing = client.owed ?? (client.rightsEndAt <= gate.now() ? client.standing : null);
    if (client.barred || standing === null) return done(!client.barred);
    loadPolicy(standing, client, 'lease', client.knownVersions, gate.now() + standing.chain.deadlineMs, (result) => {
      if (result.kind === 'policy') {
        client.stand(standing, result.binding, result.sources);
        client.owed = null;
      }
      done(result.kind === 'policy' && !client.barred);
    });
  }

  #rules(plugins: ReadonlySet<string>): void {
    const { gate } = this.#room;
    const meanwhile = new Set<string>();
    this.#changedMeanwhile = meanwhile;
    const concerns = ({ sources }: GateClient): boolean => sources.some((source) => plugins.has(source));
    const round = this.#begin(concerns);
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

  #begin(concerns: Round['concerns']): Round {
    const { gate } = this.#room;
    const round: Round = { number: gate.invalidations, since: gate.now(), concerns, open: 0, reachedAll: false };
    this.#rounds.add(round);
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
  #reload(round: Round, session: Session, standing: Standing | null): void {
    const { client } = session;
    client.owed = standing ?? client.owed ?? client.standing;
    const load = (done: () => void): void => {
      // Another client has come to the session: its rights were loaded on its way in, and if that was too early, once more.
      if (session.client !== client) return done();
      const { leases } = session;
      const judged = (): void => {
        this.#retained.check(client);
        done();
      };
      const owed = client.owed ?? client.standing;
      const begun = this.#guarded(session, () => {
        if (leases === null) this.#reloadOffline(session, owed, standing === null ? 'invalidated' : 'reload', judged);
        else if (owed === client.standing) leases.invalidate(judged);
        else leases.renew(owed, judged);
      });
      if (!begun) done();
    };
    this.#line.add(client, load, this.#open(round));
  }

  #reloadOffline(session: Session, standing: Standing, reason: 'invalidated' | 'reload', done: () => void): void {
    const { client } = session;
    const { gate } = this.#room;
    const { invalidations } = gate;
    loadPolicy(standing, client, reason, client.knownVersions, gate.now() + standing.chain.deadlineMs, (result) => {
      // Back meanwhile, or gone, or invalidated once more: then its rights are loaded by another way.
      if (session.client !== client || session.leases !== null || gate.isSuperseded(client, invalidations)) {
        if (result.kind === 'policy') result.binding.release();
        return done();
      }
      // Nobody is connected who could be told. What was queued is judged again when the client comes back.
      if (result.kind !== 'policy') return done();
      client.stand(standing, result.binding, result.sources);
      client.owed = null;
      client.knownVersions = result.versions;
      session.recheck('code', done);
    });
  }

  /** Of those who are gone, and whose messages are still retained, the rights are loaded anew as well. */
  #reloadPublishers(round: Round, plugin: string, version: number | null): void {
    const { gate } = this.#room;
    for (const client of this.#retained.publishers()) {
      if (!round.concerns(client)) continue;
      if (version !== null) client.announce(plugin, version);
      const load = (done: () => void): void => {
        const standing = client.owed ?? client.standing;
        const reason = standing === client.standing ? 'invalidated' : 'reload';
        loadPolicy(standing, client, reason, client.knownVersions, gate.now() + standing.chain.deadlineMs, (result) => {
          if (result.kind === 'policy' && this.#retained.remembers(client)) {
            client.stand(standing, result.binding, result.sources);
            client.owed = null;
            client.knownVersions = result.versions;
            this.#retained.check(client);
          } else if (result.kind === 'policy') result.binding.release();
          else this.#retained.doubt(client);
          done();
        });
      };
      this.#line.add(client, load, this.#open(round));
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
