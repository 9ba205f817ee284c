import type { TopicEntry } from './topic-table.js';

/** Classes of questions about one topic whose rule answers are remembered side by side, two bits each. */
export const VerdictClass = { RECEIVE: 0, SUBSCRIBE: 1, PUBLISH: 2 } as const;

/** The class of a publish of this QoS and RETAIN. */
export function publishClass(qos: number, retain: boolean): number {
  return VerdictClass.PUBLISH + qos * 2 + (retain ? 1 : 0);
}

const FIRST_SIZE = 16;
const LAST_SIZE = 1024;
/** Shared by all clients that were never asked about. */
const NO_ENTRIES: (TopicEntry | null)[] = [];
const NO_BITS = new Uint16Array(0);

/**
 * Answers of the rules for one client, by topic. Direct-mapped and bounded: two topics that share a place take turns. Valid for one version
 * of the client's rights; the owner empties it when that changes.
 */
export class VerdictCache {
  #entries = NO_ENTRIES;
  #bits = NO_BITS;
  #misses = 0;

  /** 0 when nothing is remembered, else 1 + the answer. */
  get(entry: TopicEntry, verdictClass: number): number {
    const slot = entry.hash & (this.#entries.length - 1);
    return this.#entries[slot] === entry ? ((this.#bits[slot] as number) >> (verdictClass * 2)) & 3 : 0;
  }

  set(entry: TopicEntry, verdictClass: number, answer: 0 | 1 | 2): void {
    // What the table does not remember is not kept alive here either.
    if (entry.index < 0) return;
    if (this.#entries.length === 0) this.#resize(FIRST_SIZE);
    let slot = entry.hash & (this.#entries.length - 1);
    const holder = this.#entries[slot];
    if (holder !== null && holder !== undefined && holder !== entry) {
      this.#misses += 1;
      if (this.#misses > this.#entries.length && this.#entries.length < LAST_SIZE) {
        this.#resize(this.#entries.length * 4);
        slot = entry.hash & (this.#entries.length - 1);
      }
    }
    if (this.#entries[slot] !== entry) {
      this.#entries[slot] = entry;
      this.#bits[slot] = 0;
    }
    this.#bits[slot] = (this.#bits[slot] as number) | ((answer + 1) << (verdictClass * 2));
  }

  clear(): void {
    if (this.#entries.length > 0) this.#entries.fill(null);
  }

  #resize(size: number): void {
    this.#entries = new Array<TopicEntry | null>(size).fill(null);
    this.#bits = new Uint16Array(size);
    this.#misses = 0;
  }
}
