import type { ConnectionRoom } from './connection/index.js';
import { type GateClient, loadPolicy, type Standing } from './gate/index.js';
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

  /** Every session comes to stand under the new generation; until its rights are loaded, the old ones are in force. */
  newGeneration(standings: ReadonlyMap<string, Standing>, chains: ReadonlyMap<string, string>): void {
    for (const session of [...this.#room.registry.sessions()]) {
      const { client } = session;
      // A listener may have got another chain; the clients of one that is gone stay under theirs.
      const standing = standings.get(chains.get(client.info.connection.listener) ?? client.standing.chain.name);
      if (standing === undefined) {
        client.barred = true;
        session.outlet?.end(0x98, 'its chain is no longer in the configuration');
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
