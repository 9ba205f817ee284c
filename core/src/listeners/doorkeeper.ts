import type { ConnectionInfo, Transport } from '@portcullis/sdk';
import { describe, type Holder, type Neighbours, Stranger, strangerOf } from '../connection/index.js';
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
   * `socket`: what is closed when it must make room before a connection holds it. `acceptedAt`: when it was accepted, in monotonic milliseconds,
   * if that was before now.
   */
  admit(transport: Transport, address: string | undefined, port: number | undefined, socket?: Holder, acceptedAt?: number): ConnectionInfo | null {
    const { stats, limits, gate, strangers, wheel } = this.#room.connections;
    const { name } = this.#inForce.options;
    stats.connectionsAccepted += 1;
    const id = `c${nextConnection}`;
    nextConnection += 1;
    const plain = plainAddress(address ?? '');
    const now = wheel.clock.now();
    const near = strangers.neighbours(plain);
    const full = this.#full(near, now);
    if (full !== null) {
      stats[COUNTERS[full]] += 1;
      stats.connectionsRefused += 1;
      strangers.refusals.refused(full, now, { listener: name, address: plain });
      // A TLS handshake would cost more than the connection that there is no room for.
      if (strangers.refusing >= limits.maxPoliteRefusals || transport === 'tls' || transport === 'wss') return null;
    }
    const stranger = new Stranger(plain, (acceptedAt ?? now) + limits.connectTimeoutMs, full === null ? 0 : CODES[full], socket ?? null);
    const info = describe({ id, listener: name, transport, address: plain, port: port ?? 0 }, stranger);
    if (address === undefined || (full === null && !gate.acceptConnection(info))) {
      if (full === null) stats.connectionsRefused += 1;
      return null;
    }
    if (!strangers.enter(stranger, near)) {
      if (full === null) {
        stats.refusedHalfOpen += 1;
        stats.connectionsRefused += 1;
        strangers.refusals.refused('half-open', now, { listener: name, address: plain });
      }
      return null;
    }
    this.#there += 1;
    if (full !== null) return info;
    strangers.refusals.passed(now);
    this.#open += 1;
    stats.connectionsOpen += 1;
    return info;
  }

  /** Whether there may be one more socket of which it is not known yet whom it belongs to; if not, it is to be closed. */
  hasDescriptor(address: string): boolean {
    const { stats, strangers, descriptors, wheel } = this.#room.connections;
    const now = wheel.clock.now();
    if (descriptors.allow(now)) return true;
    stats.connectionsAccepted += 1;
    stats.connectionsRefused += 1;
    stats.refusedDescriptors += 1;
    strangers.refusals.refused('descriptors', now, { listener: this.#inForce.options.name, address });
    return false;
  }

  /** A socket that was admitted is gone. Saying so twice does nothing. */
  left(info: ConnectionInfo): void {
    const stranger = strangerOf(info);
    if (stranger === null || stranger.left) return;
    this.#room.connections.strangers.gone(stranger);
    if (stranger.refusal === 0) {
      this.#open -= 1;
      this.#room.connections.stats.connectionsOpen -= 1;
    }
    this.#there -= 1;
    if (this.#there > 0) return;
    for (const tell of this.#waiting.splice(0)) tell();
  }

  /** Sockets that are open, without those that are only there to be refused. */
  get open(): number {
    return this.#open;
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
  return (strangerOf(info)?.refusal ?? 0) !== 0;
}

/** An IPv4 address that came by an IPv6 socket, as IPv4. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
