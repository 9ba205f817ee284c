import type { ConnectionRoom } from './connection/index.js';
import { loadPolicy, type Standing } from './gate/index.js';
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
      if (session.leases !== null) session.leases.invalidate('invalidated');
      else this.#reloadOffline(session, session.client.standing, 'invalidated');
    }
    if (plugin !== '' && this.#room.gate.hears('policyChanged')) {
      this.#room.gate.tell('policyChanged', { plugin, version, clients: sessions.filter((session) => session.connected).length });
    }
  }

  /** Every session comes to stand under the new generation; until its rights are loaded, the old ones are in force. */
  newGeneration(standings: ReadonlyMap<string, Standing>): void {
    for (const session of [...this.#room.registry.sessions()]) {
      const standing = standings.get(session.client.standing.chain.name);
      if (standing === undefined) session.outlet?.end(0x98, 'its chain is no longer in the configuration');
      else if (session.leases !== null) session.leases.invalidate('reload', standing);
      else this.#reloadOffline(session, standing, 'reload');
    }
  }

  #reloadOffline(session: Session, standing: Standing, reason: 'invalidated' | 'reload'): void {
    const { client } = session;
    loadPolicy(standing, client, reason, client.knownVersions, this.#room.gate.now() + standing.chain.deadlineMs, (result) => {
      // Back meanwhile, or gone: then its rights were loaded by another way.
      if (session.client !== client || session.leases !== null) {
        if (result.kind === 'policy') result.binding.release();
        return;
      }
      // Nobody is connected who could be told. What was queued is judged again when the client comes back.
      if (result.kind !== 'policy') return;
      client.stand(standing, result.binding, result.sources);
      session.rejudge();
    });
  }
}
