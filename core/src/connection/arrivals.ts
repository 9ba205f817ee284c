import { type ConnectionInfo, ReasonCode } from '@portcullis/sdk';
import { type TimerWheel, WheelTimer } from '../clock.js';
import type { Limits } from '../limits.js';
import type { Logger } from '../log.js';
import type { Stats } from '../stats.js';
import { addressKey } from './address-key.js';
import { RefusalLog } from './refusal-log.js';

/** Who holds a socket: at first the socket itself, then its connection. */
export interface Holder {
  /** Closes it at once, without a word. */
  destroy(): void;
}

/** The sockets of one address. */
export interface Neighbours {
  readonly key: string;
  /** Sockets that were let in; those that are only there to be refused are not. */
  open: number;
  halfOpen: number;
}

/** What there is to know of a socket between its accept and its CONNACK. */
export class Arrival {
  /** When its CONNACK must have left, in monotonic milliseconds: one deadline for TLS, HTTP, CONNECT and the answers of plugins together. */
  readonly deadlineAt: number;
  /** The reason code by which its CONNECT is to be refused because a limit is reached; 0 when it may go on. */
  readonly refusal: number;
  readonly address: string;
  holder: Holder | null;
  /** Sockets of the same address, once it was counted among them; null for Unix sockets. */
  neighbours: Neighbours | null = null;
  halfOpen = false;
  /** Whether its CONNECT has come, so that it waits for us and no longer for its peer. */
  heard = false;
  /** Whether a connection holds it, which keeps the deadline itself. */
  connected = false;
  /** Whether its socket is closed. */
  left = false;
  bytes = 0;
  /** Neighbours in the list of those that were not heard yet; null outside of it. */
  previous: Arrival | null = null;
  next: Arrival | null = null;

  constructor(address: string, deadlineAt: number, refusal: number, holder: Holder | null) {
    this.address = address;
    this.deadlineAt = deadlineAt;
    this.refusal = refusal;
    this.holder = holder;
  }
}

let read: (info: ConnectionInfo) => Arrival | null;

/** A connection's description with its arrival inside, where no plugin that is shown the description can reach it. */
class AdmittedInfo implements ConnectionInfo {
  readonly id: string;
  readonly listener: string;
  readonly transport: ConnectionInfo['transport'];
  readonly address: string;
  readonly port: number;
  readonly #arrival: Arrival;

  constructor(info: ConnectionInfo, arrival: Arrival) {
    this.id = info.id;
    this.listener = info.listener;
    this.transport = info.transport;
    this.address = info.address;
    this.port = info.port;
    this.#arrival = arrival;
    Object.freeze(this);
  }

  static {
    read = (info) => (#arrival in info ? info.#arrival : null);
  }
}

/** The description of a socket's connection, tied to its arrival. */
export function describe(info: ConnectionInfo, arrival: Arrival): ConnectionInfo {
  return new AdmittedInfo(info, arrival);
}

/** The arrival that a description is tied to, or null. */
export function arrivalOf(info: ConnectionInfo): Arrival | null {
  return read(info);
}

/** What the list of arrivals needs of the broker. */
export interface ArrivalRoom {
  readonly limits: Limits;
  readonly stats: Stats;
  readonly wheel: TimerWheel;
  readonly log: Logger;
}

/**
 * All sockets that have not had their CONNACK, and how many each address has. Strangers are bounded in number, in time and in bytes; where room
 * must be made, it is made by those who have kept us waiting longest, so that slow ones cannot lock out others.
 */
export class Arrivals {
  readonly refusals: RefusalLog;
  /** Sockets that are only there to be told that there is no room. */
  refusing = 0;
  readonly #room: ArrivalRoom;
  readonly #addresses = new Map<string, Neighbours>();
  /** Those that were not heard yet, the oldest first; a ring through a head that is none. */
  readonly #head = new Arrival('', 0, 0, null);
  readonly #timer = new WheelTimer(() => this.#expire());

  constructor(room: ArrivalRoom) {
    this.#room = room;
    this.refusals = new RefusalLog(room.log);
    this.#head.previous = this.#head;
    this.#head.next = this.#head;
  }

  /** What is known of an address, or null. */
  neighbours(address: string): Neighbours | null {
    return this.#addresses.get(addressKey(address)) ?? null;
  }

  /** Lets a socket in, as half open; false if there is no room for it. `near`: what `neighbours` said. */
  enter(arrival: Arrival, near: Neighbours | null): boolean {
    const { limits, stats } = this.#room;
    // To be refused is nothing that others should make room for.
    const { refusal } = arrival;
    if (near !== null && near.halfOpen >= limits.maxHalfOpenPerAddress && (refusal !== 0 || !this.#closeOldest(near))) return false;
    if (stats.connectionsHalfOpen >= limits.maxHalfOpen && (refusal !== 0 || !this.#closeOldest(null))) return false;
    if (arrival.address !== '') {
      // Those that were closed to make room may have been the last of their address.
      const known = near !== null && near.open + near.halfOpen > 0 ? near : null;
      arrival.neighbours = known ?? this.#neighboursOf(addressKey(arrival.address));
      arrival.neighbours.halfOpen += 1;
      if (refusal === 0) arrival.neighbours.open += 1;
    }
    if (refusal !== 0) this.refusing += 1;
    arrival.halfOpen = true;
    stats.connectionsHalfOpen += 1;
    const last = this.#head.previous as Arrival;
    arrival.previous = last;
    arrival.next = this.#head;
    last.next = arrival;
    this.#head.previous = arrival;
    if (!this.#timer.scheduled) this.#schedule(arrival);
    return true;
  }

  /** The socket has become a connection. One that no doorkeeper has seen is counted from here on. */
  connect(info: ConnectionInfo, holder: Holder): Arrival {
    let arrival = arrivalOf(info);
    if (arrival === null) {
      const deadlineAt = this.#room.wheel.clock.now() + this.#room.limits.connectTimeoutMs;
      arrival = new Arrival('', deadlineAt, 0, holder);
      // There is no room for it, and it is there: its CONNECT is refused.
      if (!this.enter(arrival, null)) arrival = new Arrival('', deadlineAt, ReasonCode.QuotaExceeded, holder);
    }
    arrival.holder = holder;
    arrival.connected = true;
    this.hold(arrival, 0);
    return arrival;
  }

  /** Its CONNECT has come. */
  heard(arrival: Arrival): void {
    arrival.heard = true;
    unlink(arrival);
  }

  /**
   * So many bytes wait for it now; false if that is too much in all, and then nothing is changed. For one whose CONNECT has come, room is made
   * by those that have not sent theirs.
   */
  hold(arrival: Arrival, bytes: number): boolean {
    const more = bytes - arrival.bytes;
    if (more === 0 || !arrival.halfOpen) return true;
    const { stats, limits } = this.#room;
    if (more > 0) {
      while (stats.preAuthBytes + more > limits.maxPreAuthTotalBytes) {
        if (arrival.heard && this.#closeHolding()) continue;
        stats.closedPreAuthBytes += 1;
        this.refusals.refused('pre-auth-bytes', this.#room.wheel.clock.now(), { address: arrival.address });
        return false;
      }
    }
    stats.preAuthBytes += more;
    arrival.bytes = bytes;
    return true;
  }

  /** It has had its CONNACK, or never will; both may be said of one. */
  settled(arrival: Arrival): void {
    if (!arrival.halfOpen) return;
    const { stats } = this.#room;
    arrival.halfOpen = false;
    unlink(arrival);
    stats.connectionsHalfOpen -= 1;
    stats.preAuthBytes -= arrival.bytes;
    arrival.bytes = 0;
    if (arrival.neighbours === null) return;
    arrival.neighbours.halfOpen -= 1;
    this.#forget(arrival.neighbours);
  }

  /** Its socket is closed; called once. */
  gone(arrival: Arrival): void {
    this.settled(arrival);
    arrival.left = true;
    arrival.holder = null;
    if (arrival.refusal !== 0) this.refusing -= 1;
    else if (arrival.neighbours !== null) {
      arrival.neighbours.open -= 1;
      this.#forget(arrival.neighbours);
    }
  }

  #neighboursOf(key: string): Neighbours {
    let neighbours = this.#addresses.get(key);
    if (neighbours === undefined) {
      neighbours = { key, open: 0, halfOpen: 0 };
      this.#addresses.set(key, neighbours);
    }
    return neighbours;
  }

  #forget({ key, open, halfOpen }: Neighbours): void {
    if (open === 0 && halfOpen === 0) this.#addresses.delete(key);
  }

  /** Closes the one of an address, or of all, that was let in first and has not been heard since. */
  #closeOldest(near: Neighbours | null): boolean {
    for (let arrival = this.#head.next as Arrival; arrival !== this.#head; arrival = arrival.next as Arrival) {
      if (arrival.holder === null || (near !== null && arrival.neighbours !== near)) continue;
      this.#room.stats.closedHalfOpen += 1;
      this.#close(arrival, 'half-open');
      return true;
    }
    return false;
  }

  #closeHolding(): boolean {
    for (let arrival = this.#head.next as Arrival; arrival !== this.#head; arrival = arrival.next as Arrival) {
      if (arrival.bytes === 0 || arrival.holder === null) continue;
      this.#room.stats.closedPreAuthBytes += 1;
      this.#close(arrival, 'pre-auth-bytes');
      return true;
    }
    return false;
  }

  #close(arrival: Arrival, reason: 'half-open' | 'pre-auth-bytes'): void {
    this.refusals.refused(reason, this.#room.wheel.clock.now(), { address: arrival.address });
    this.settled(arrival);
    arrival.holder?.destroy();
  }

  #schedule(oldest: Arrival): void {
    this.#room.wheel.schedule(this.#timer, oldest.deadlineAt - this.#room.wheel.clock.now());
  }

  /** Time is up for those that have not become a connection: all deadlines are equally long, so that the list is in their order. */
  #expire(): void {
    const now = this.#room.wheel.clock.now();
    let arrival = this.#head.next as Arrival;
    while (arrival !== this.#head && arrival.deadlineAt <= now) {
      const next = arrival.next as Arrival;
      if (!arrival.connected && arrival.holder !== null) {
        this.#room.stats.connectTimeouts += 1;
        const { holder } = arrival;
        this.settled(arrival);
        holder.destroy();
      }
      arrival = next;
    }
    if (arrival !== this.#head) this.#schedule(arrival);
  }
}

function unlink(arrival: Arrival): void {
  const { previous, next } = arrival;
  if (previous === null || next === null) return;
  previous.next = next;
  next.previous = previous;
  arrival.previous = null;
  arrival.next = null;
}
