import type { ConnectionInfo } from '@portcullis/sdk';
import { Arrival, arrivalOf, describe, type Holder, type Neighbours } from '../connection/index.js';
import type { InForce, ListenerRoom } from './listener.js';

const COUNTERS = {
  connections: 'refusedConnections',
  listener: 'refusedListener',
  address: 'refusedAddress',
  descriptors: 'refusedDescriptors',
  'half-open': 'refusedHalfOpen',
} as const;

/** A limit that a socket is above. */
type Full = Exclude<keyof typeof COUNTERS, 'half-open'>;

/** CONNACK codes by which it is said: as quota, or, where the machine is what has no room, as busy. 3.x has 3 for both. */
const CODES: Record<Full, number> = { connections: 0x97, listener: 0x97, address: 0x97, descriptors: 0x89 };

let nextConnection = 1;

/** Counts the sockets of one listener, and refuses those above a limit: of the listener, of the broker, of an address, or of the process. */
export class Doorkeeper {
  readonly #room: ListenerRoom;
  readonly #inForce: InForce;
  #open = 0;
  /** All that are there, those that are only there to be refused too. */
  #there = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(room: ListenerRoom, inForce: InForce) {
    this.#room = room;
    this.#inForce = inForce;
  }

  /**
   * The connection's description if the socket may stay; null if it is to be closed without a byte. A few that are above a limit may stay until
   * they have been told so: `isTurnedAway` knows them, and a connection refuses their CONNECT by itself.
   *
   * `socket`: what is closed when the socket takes too long, or must make room, before a connection holds it.
   */
  admit(transport: ConnectionInfo['transport'], address: string | undefined, port: number | undefined, socket?: Holder): ConnectionInfo | null {
    const { stats, limits, gate, arrivals, wheel } = this.#room.connections;
    const { name } = this.#inForce.options;
    stats.connectionsAccepted += 1;
    const id = `c${nextConnection}`;
    nextConnection += 1;
    const plain = plainAddress(address ?? '');
    const now = wheel.clock.now();
    const near = arrivals.neighbours(plain);
    const full = this.#full(near, now);
    if (full !== null) {
      stats[COUNTERS[full]] += 1;
      stats.connectionsRefused += 1;
      arrivals.refusals.refused(full, now, { listener: name, address: plain });
      if (arrivals.refusing >= limits.maxPoliteRefusals) return null;
    }
    const arrival = new Arrival(plain, now + limits.connectTimeoutMs, full === null ? 0 : CODES[full], socket ?? null);
    const info = describe({ id, listener: name, transport, address: plain, port: port ?? 0 }, arrival);
    if (address === undefined || (full === null && !gate.acceptConnection(info))) {
      if (full === null) stats.connectionsRefused += 1;
      return null;
    }
    if (!arrivals.enter(arrival, near)) {
      if (full === null) {
        stats.refusedHalfOpen += 1;
        stats.connectionsRefused += 1;
        arrivals.refusals.refused('half-open', now, { listener: name, address: plain });
      }
      return null;
    }
    this.#there += 1;
    if (full !== null) return info;
    arrivals.refusals.passed(now);
    this.#open += 1;
    stats.connectionsOpen += 1;
    return info;
  }

  /** A socket that was admitted is gone. Saying so twice does nothing. */
  left(info: ConnectionInfo): void {
    const arrival = arrivalOf(info);
    if (arrival === null || arrival.left) return;
    this.#room.connections.arrivals.gone(arrival);
    if (arrival.refusal === 0) {
      this.#open -= 1;
      this.#room.connections.stats.connectionsOpen -= 1;
    }
    this.#there -= 1;
    if (this.#there > 0) return;
    for (const tell of this.#waiting.splice(0)) tell();
  }

  /** Resolves when no socket of the listener is open. */
  empty(): Promise<void> {
    return this.#there === 0 ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }

  #full(near: Neighbours | null, now: number): Full | null {
    const { stats, limits, descriptors } = this.#room.connections;
    const { maxConnections } = this.#inForce.options;
    if (!descriptors.allow(now)) return 'descriptors';
    if (stats.connectionsOpen >= limits.maxConnections) return 'connections';
    if (maxConnections !== null && this.#open >= maxConnections) return 'listener';
    const most = limits.maxConnectionsPerAddress;
    return most > 0 && near !== null && near.open >= most ? 'address' : null;
  }
}

/** Whether a socket may only stay to be told that there is no room for it. */
export function isTurnedAway(info: ConnectionInfo): boolean {
  return (arrivalOf(info)?.refusal ?? 0) !== 0;
}

/** An IPv4 address that came by an IPv6 socket, as IPv4. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
