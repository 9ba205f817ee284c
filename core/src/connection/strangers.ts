import { addressKey, type ConnectionInfo, ReasonCode } from '@portcullis/sdk';
import type { TimerWheel } from '../clock.js';
import type { Limits } from '../limits.js';
import type { Logger } from '../log.js';
import type { Stats } from '../stats.js';
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
export class Stranger {
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
  /** Whether its socket is closed. */
  left = false;
  bytes = 0;
  /** Neighbours in the list of those that were not heard yet; null outside of it. */
  previous: Stranger | null = null;
  next: Stranger | null = null;

  constructor(address: string, deadlineAt: number, refusal: number, holder: Holder | null) {
    this.address = address;
    this.deadlineAt = deadlineAt;
    this.refusal = refusal;
    this.holder = holder;
  }
}

let read: (info: ConnectionInfo) => Stranger | null;

/** A connection's description with its stranger inside, where no plugin that is shown the description can reach it. */
class AdmittedInfo implements ConnectionInfo {
  readonly id: string;
  readonly listener: string;
  readonly transport: ConnectionInfo['transport'];
  readonly address: string;
  readonly port: number;
  readonly #stranger: Stranger;

  constructor(info: ConnectionInfo, stranger: Stranger) {
    this.id = info.id;
    this.listener = info.listener;
    this.transport = info.transport;
    this.address = info.address;
    this.port = info.port;
    this.#stranger = stranger;
    Object.freeze(this);
  }

  static {
    read = (info) => (#stranger in info ? info.#stranger : null);
  }
}

// Plugins are shown the very object, so nothing may lead from it to the class: its prototype is empty.
Reflect.deleteProperty(AdmittedInfo.prototype, 'constructor');
Object.setPrototypeOf(AdmittedInfo.prototype, null);
Object.freeze(AdmittedInfo.prototype);

/** The description of a socket's connection, tied to its stranger. */
export function describe(info: ConnectionInfo, stranger: Stranger): ConnectionInfo {
  return new AdmittedInfo(info, stranger);
}

/** The stranger that a description is tied to, or null. */
export function strangerOf(info: ConnectionInfo): Stranger | null {
  return read(info);
}

/** What the list of strangers needs of the broker. */
export interface StrangerRoom {
  readonly limits: Limits;
  readonly stats: Stats;
  readonly wheel: TimerWheel;
  readonly log: Logger;
}

/**
 * All sockets that have not had their CONNACK, and how many each address has. Strangers are bounded in number, in time and in bytes; where room
 * must be made, it is made by those who have kept us waiting longest, so that slow ones cannot lock out others.
 */
export class Strangers {
  readonly refusals: RefusalLog;
  /** Sockets that are only there to be told that there is no room. */
  refusing = 0;
  readonly #room: StrangerRoom;
  readonly #addresses = new Map<string, Neighbours>();
  /** Those that were not heard yet, the oldest first; a ring through a head that is none. */
  readonly #head = new Stranger('', 0, 0, null);

  constructor(room: StrangerRoom) {
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
  enter(stranger: Stranger, near: Neighbours | null): boolean {
    const { limits, stats } = this.#room;
    // To be refused is nothing that others should make room for.
    const { refusal } = stranger;
    if (near !== null && near.halfOpen >= limits.maxHalfOpenPerAddress && (refusal !== 0 || !this.#closeOldest(near))) return false;
    if (stats.connectionsHalfOpen >= limits.maxHalfOpen && (refusal !== 0 || !this.#closeOldest(null))) return false;
    if (stranger.address !== '') {
      // Those that were closed to make room may have been the last of their address.
      const known = near !== null && near.open + near.halfOpen > 0 ? near : null;
      stranger.neighbours = known ?? this.#neighboursOf(addressKey(stranger.address));
      stranger.neighbours.halfOpen += 1;
      if (refusal === 0) stranger.neighbours.open += 1;
    }
    if (refusal !== 0) this.refusing += 1;
    stranger.halfOpen = true;
    stats.connectionsHalfOpen += 1;
    const last = this.#head.previous as Stranger;
    stranger.previous = last;
    stranger.next = this.#head;
    last.next = stranger;
    this.#head.previous = stranger;
    return true;
  }

  /** The socket has become a connection. One that no doorkeeper has seen is counted from here on. */
  connect(info: ConnectionInfo, holder: Holder, acceptedAt: number): Stranger {
    let stranger = strangerOf(info);
    if (stranger === null) {
      const deadlineAt = acceptedAt + this.#room.limits.connectTimeoutMs;
      stranger = new Stranger('', deadlineAt, 0, holder);
      // There is no room for it, and it is there: its CONNECT is refused.
      if (!this.enter(stranger, null)) stranger = new Stranger('', deadlineAt, ReasonCode.QuotaExceeded, holder);
    }
    stranger.holder = holder;
    this.hold(stranger, 0);
    return stranger;
  }

  /** Its CONNECT has come. */
  heard(stranger: Stranger): void {
    stranger.heard = true;
    unlink(stranger);
  }

  /**
   * So many bytes wait for it now; false if that is too much in all, and then nothing is changed. For one whose CONNECT has come, room is made
   * by those that have not sent theirs.
   */
  hold(stranger: Stranger, bytes: number): boolean {
    const more = bytes - stranger.bytes;
    if (more === 0 || !stranger.halfOpen) return true;
    const { stats, limits } = this.#room;
    if (more > 0) {
      while (stats.preAuthBytes + more > limits.maxPreAuthTotalBytes) {
        if (stranger.heard && this.#closeHolding()) continue;
        stats.closedPreAuthBytes += 1;
        this.refusals.refused('pre-auth-bytes', this.#room.wheel.clock.now(), { address: stranger.address });
        return false;
      }
    }
    stats.preAuthBytes += more;
    stranger.bytes = bytes;
    return true;
  }

  /** It has had its CONNACK, or never will; both may be said of one. */
  settled(stranger: Stranger): void {
    if (!stranger.halfOpen) return;
    const { stats } = this.#room;
    stranger.halfOpen = false;
    unlink(stranger);
    stats.connectionsHalfOpen -= 1;
    stats.preAuthBytes -= stranger.bytes;
    stranger.bytes = 0;
    if (stranger.neighbours === null) return;
    stranger.neighbours.halfOpen -= 1;
    this.#forget(stranger.neighbours);
  }

  /** Its socket is closed; called once. */
  gone(stranger: Stranger): void {
    this.settled(stranger);
    stranger.left = true;
    stranger.holder = null;
    if (stranger.refusal !== 0) this.refusing -= 1;
    else if (stranger.neighbours !== null) {
      stranger.neighbours.open -= 1;
      this.#forget(stranger.neighbours);
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
    for (let stranger = this.#head.next as Stranger; stranger !== this.#head; stranger = stranger.next as Stranger) {
      if (stranger.holder === null || (near !== null && stranger.neighbours !== near)) continue;
      this.#room.stats.closedHalfOpen += 1;
      this.#close(stranger, 'half-open');
      return true;
    }
    return false;
  }

  #closeHolding(): boolean {
    for (let stranger = this.#head.next as Stranger; stranger !== this.#head; stranger = stranger.next as Stranger) {
      if (stranger.bytes === 0 || stranger.holder === null) continue;
      this.#room.stats.closedPreAuthBytes += 1;
      this.#close(stranger, 'pre-auth-bytes');
      return true;
    }
    return false;
  }

  #close(stranger: Stranger, reason: 'half-open' | 'pre-auth-bytes'): void {
    this.refusals.refused(reason, this.#room.wheel.clock.now(), { address: stranger.address });
    this.settled(stranger);
    stranger.holder?.destroy();
  }
}

function unlink(stranger: Stranger): void {
  const { previous, next } = stranger;
  if (previous === null || next === null) return;
  previous.next = next;
  next.previous = previous;
  stranger.previous = null;
  stranger.next = null;
}
