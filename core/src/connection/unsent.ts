import type { Limits } from '../limits.js';
import type { Stats } from '../stats.js';

/** A connection, as far as its unsent bytes go. */
export interface UnsentOwner {
  /** Bytes that its socket held when it was last looked at. */
  unsent: number;
  /** Bytes that its socket holds now. */
  readonly unsentNow: number;
  /** From here on it counts as one that reads too slowly, until its socket is empty. */
  congest(): void;
}

/** From so many unsent bytes on a peer is slow; with fewer, a socket need not say when they are gone. */
export const SLOW_BYTES = 65_536;

/** Part of the limit below which there is room again; else every few bytes that come and go would make all of them be looked at. */
const ENOUGH = 0.75;

/** What all sockets hold that their peers have not read. Looked at when something is written, never for a single message. */
export class Unsent {
  readonly #limit: number;
  readonly #stats: Stats;
  readonly #owners = new Set<UnsentOwner>();
  /** Whether all slow peers have been congested since it was too much; until there is room again that is not done a second time. */
  #relieved = false;

  constructor({ limits, stats }: { readonly limits: Limits; readonly stats: Stats }) {
    this.#limit = limits.maxTotalSocketBufferBytes;
    this.#stats = stats;
  }

  /** Whether a socket that holds so much must take no more. */
  tooMuch(bytes: number): boolean {
    return bytes >= SLOW_BYTES && this.#stats.socketBufferBytes > this.#limit;
  }

  /** Notes what a socket holds. */
  note(owner: UnsentOwner, bytes: number): void {
    if (owner.unsent === 0) this.#owners.add(owner);
    if (bytes === 0) this.#owners.delete(owner);
    this.#stats.socketBufferBytes += bytes - owner.unsent;
    owner.unsent = bytes;
    if (this.#stats.socketBufferBytes > this.#limit) this.#relieve();
    else if (this.#relieved && this.#stats.socketBufferBytes <= this.#limit * ENOUGH) this.#relieved = false;
  }

  /** Peers that were slow before it was too much would keep their bytes for ever, at the expense of those who come later. */
  #relieve(): void {
    if (this.#relieved) return;
    for (const owner of this.#owners) {
      const bytes = owner.unsentNow;
      this.#stats.socketBufferBytes += bytes - owner.unsent;
      owner.unsent = bytes;
      if (bytes === 0) this.#owners.delete(owner);
    }
    if (this.#stats.socketBufferBytes <= this.#limit * ENOUGH) return;
    this.#relieved = true;
    for (const owner of this.#owners) if (owner.unsent >= SLOW_BYTES) owner.congest();
  }
}
