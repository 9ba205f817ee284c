import type { ConnectionRoom } from './connection/index.js';
import { type GateClient, loadPolicy, type Standing, type Tenancy } from './gate/index.js';
import type { Domain } from './router/index.js';
import type { Session } from './session/index.js';

/** Takes changes of rights to the sessions that they concern, connected or not. */
export class Rechecks {
  readonly #room: ConnectionRoom;

  constructor(room: ConnectionRoom) {
    this.#room = room;
  }

  /** Templates changed: they are in force already; those who listen hear of it. */
  rulesChanged(plugin: string): void {
    if (!this.#room.gate.hears('policyChanged')) return;
    let clients = 0;
    for (const session of this.#room.registry.sessions()) if (session.connected && session.client.sources.includes(plugin)) clients += 1;
    this.#room.gate.tell('policyChanged', { plugin, version: null, clients });
  }

  /** The rights of these sessions are loaded anew; an answer with a lower version than the one announced is not taken. */
  invalidate(sessions: readonly Session[], plugin: string, version: number | null): void {
    this.#room.gate.invalidations += 1;
    for (const session of sessions) {
      if (version !== null) session.client.announce(plugin, version);
      if (session.leases !== null) session.leases.invalidate();
      else this.#reloadOffline(session, session.client.owed ?? session.client.standing, 'invalidated');
    }
    if (plugin !== '' && this.#room.gate.hears('policyChanged')) {
      this.#room.gate.tell('policyChanged', { plugin, version, clients: sessions.filter((session) => session.connected).length });
    }
  }

  /** What is kept for tenants that are none any more: messages are forgotten in slices. Who has such a name later begins with nothing. */
  #lostTenants(before: Tenancy): Domain[] {
    const { gate, router, turns } = this.#room;
    const lost = router.tenants.filter(({ tenant }) => tenant !== '' && gate.tenancy.hasLost(tenant, before));
    for (const domain of lost) {
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
    return lost;
  }

  /** Its tenant is gone: the connection ends, the session with it, and nothing is published in its name any more. */
  #endTenantless(session: Session): void {
    session.client.barred = true;
    session.outlet?.end(0x98, 'its tenant is no longer in the configuration');
    this.#room.registry.end(session);
  }

  /** Every session comes to stand under the new generation; until its rights are loaded, the old ones are in force. */
  newGeneration(chains: ReadonlyMap<string, string>, before: Tenancy): void {
    const { gate, registry } = this.#room;
    const lost = new Set(this.#lostTenants(before));
    for (const session of [...registry.sessions()]) {
      const { client, tenant } = session;
      // A listener or a tenant may have got another chain; the clients of a listener that is gone stay under theirs.
      const { listener } = client.info.connection;
      const standing = gate.standingAt(listener, tenant, chains.get(listener) ?? client.standing.chain.name);
      if (lost.has(session.domain)) this.#endTenantless(session);
      else if (standing === undefined) {
        client.barred = true;
        session.outlet?.end(0x98, 'its chain is no longer in the configuration, or its tenant not admitted there any more');
      } else if (session.leases !== null) session.leases.renew(standing);
      else {
        // Whoever comes back is asked for credentials. What is done in its name meanwhile has nobody who stands for it.
        if (!standing.chain.authenticate.includes(client.authority)) client.barred = true;
        this.#reloadOffline(session, standing, 'reload');
      }
    }
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

  #reloadOffline(session: Session, standing: Standing, reason: 'invalidated' | 'reload'): void {
    const { client } = session;
    client.owed = standing;
    loadPolicy(standing, client, reason, client.knownVersions, this.#room.gate.now() + standing.chain.deadlineMs, (result) => {
      // Back meanwhile, or gone: then its rights were loaded by another way.
      if (session.client !== client || session.leases !== null) {
        if (result.kind === 'policy') result.binding.release();
        return;
      }
      // Nobody is connected who could be told. What was queued is judged again when the client comes back.
      if (result.kind !== 'policy') return;
      client.stand(standing, result.binding, result.sources);
      client.owed = null;
      session.rejudge();
    });
  }
}
