import type { Counts } from './verdict.js';

/** Gaps that are remembered one by one; beyond, a late message counts as a duplicate. Keeps memory bounded under a broker that loses most. */
const MOST_MISSING = 200_000;

/** Follows each stream of messages at each receiver: every number must come once, in order. */
export class Tracker {
  readonly #counts: Counts;
  /** The next number that is expected, by slot. */
  readonly #next: Uint32Array;
  /** Numbers that were jumped over, by slot; only slots with gaps are here. */
  readonly #missing = new Map<number, Set<number>>();
  #missingTotal = 0;
  /** Different messages that arrived. */
  unique = 0;

  constructor(slots: number, counts: Counts) {
    this.#counts = counts;
    this.#next = new Uint32Array(slots);
  }

  arrived(slot: number, sequence: number): void {
    const next = this.#next[slot] ?? 0;
    if (sequence === next) {
      this.#next[slot] = next + 1;
      this.unique++;
    } else if (sequence > next) this.#jumped(slot, next, sequence);
    else this.#late(slot, sequence);
  }

  #jumped(slot: number, next: number, sequence: number): void {
    const missing = this.#missing.get(slot) ?? new Set();
    this.#missing.set(slot, missing);
    for (let each = next; each < sequence && this.#missingTotal < MOST_MISSING; each++) {
      missing.add(each);
      this.#missingTotal++;
    }
    this.#next[slot] = sequence + 1;
    this.unique++;
  }

  #late(slot: number, sequence: number): void {
    if (this.#missing.get(slot)?.delete(sequence) !== true) {
      this.#counts.duplicates++;
      return;
    }
    this.#missingTotal--;
    this.#counts.reordered++;
    this.unique++;
  }
}
