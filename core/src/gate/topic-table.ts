import { randomBytes } from 'node:crypto';

/** A topic name that was found valid, with its place in the table. Equal topics of one tenant are one entry. */
export class TopicEntry {
  /** Place in the table, from 0; the router keeps its route under it. -1 for a topic that is too long to be remembered. */
  readonly index: number;
  /** Filling of the table that the entry belongs to; an entry of an earlier one must be looked up again. -1 for one that belongs to none. */
  readonly epoch: number;
  readonly hash: number;
  /** The topic name in UTF-8. */
  readonly bytes: Buffer;
  readonly topic: string;
  /** For the router: whether it has made a route for it before. */
  routed = false;
  /** Next entry of the same bucket. */
  next: TopicEntry | null;

  constructor(index: number, epoch: number, hash: number, bytes: Buffer, next: TopicEntry | null) {
    this.index = index;
    this.epoch = epoch;
    this.hash = hash;
    this.bytes = bytes;
    this.topic = bytes.toString('utf8');
    this.next = next;
  }
}

/** Finds topics by their bytes, without making a string on a hit. Bounded: when it is full it is emptied and begins a new epoch. */
export class TopicTable {
  epoch = 0;
  size = 0;
  readonly #capacity: number;
  readonly #maxTopicBytes: number;
  // Seeded, so that nobody outside can choose topics that share a bucket.
  readonly #seed = randomBytes(4).readUInt32LE() | 1;
  #buckets: (TopicEntry | null)[] = new Array<TopicEntry | null>(256).fill(null);

  /** Topics above `maxTopicBytes` get an entry that nobody remembers: topics may have 64 KiB, and a count alone would not bound the memory. */
  constructor(capacity: number, maxTopicBytes = Number.POSITIVE_INFINITY) {
    this.#capacity = capacity;
    this.#maxTopicBytes = maxTopicBytes;
  }

  /** The entry of these bytes, or null if they were not seen in this epoch. */
  find(buffer: Uint8Array, start: number, end: number): TopicEntry | null {
    // Not even its hash is worth making: it is nowhere.
    if (end - start > this.#maxTopicBytes) return null;
    const hash = this.#hash(buffer, start, end);
    let entry = this.#buckets[hash & (this.#buckets.length - 1)] as TopicEntry | null;
    while (entry !== null) {
      if (entry.hash === hash && sameBytes(entry.bytes, buffer, start, end)) return entry;
      entry = entry.next;
    }
    return null;
  }

  /** Adds a topic that `find` did not know and that was validated; the bytes are copied. */
  add(buffer: Uint8Array, start: number, end: number): TopicEntry {
    if (end - start > this.#maxTopicBytes)
      return new TopicEntry(-1, -1, this.#hash(buffer, start, end), Buffer.from(buffer.subarray(start, end)), null);
    if (this.size >= this.#capacity) this.#empty();
    if (this.size >= this.#buckets.length * 2) this.#grow();
    const hash = this.#hash(buffer, start, end);
    const slot = hash & (this.#buckets.length - 1);
    const bytes = Buffer.from(buffer.subarray(start, end));
    const entry = new TopicEntry(this.size, this.epoch, hash, bytes, this.#buckets[slot] as TopicEntry | null);
    this.#buckets[slot] = entry;
    this.size += 1;
    return entry;
  }

  /** Finds or adds a topic name given as text that is known to be valid. */
  intern(topic: string): TopicEntry {
    return this.internBytes(Buffer.from(topic, 'utf8'));
  }

  /** The same for its bytes. */
  internBytes(bytes: Uint8Array): TopicEntry {
    return this.find(bytes, 0, bytes.length) ?? this.add(bytes, 0, bytes.length);
  }

  #hash(buffer: Uint8Array, start: number, end: number): number {
    let hash = this.#seed;
    for (let i = start; i < end; i += 1) hash = Math.imul(hash ^ (buffer[i] as number), 0x01000193);
    hash ^= hash >>> 15;
    return (Math.imul(hash, 0x2c1b3c6d) ^ (end - start)) >>> 0;
  }

  #empty(): void {
    this.epoch += 1;
    this.size = 0;
    this.#buckets = new Array<TopicEntry | null>(256).fill(null);
  }

  #grow(): void {
    const old = this.#buckets;
    const buckets = new Array<TopicEntry | null>(old.length * 4).fill(null);
    for (const head of old) {
      let entry: TopicEntry | null = head;
      while (entry !== null) {
        const following: TopicEntry | null = entry.next;
        const slot = entry.hash & (buckets.length - 1);
        entry.next = buckets[slot] as TopicEntry | null;
        buckets[slot] = entry;
        entry = following;
      }
    }
    this.#buckets = buckets;
  }
}

/** Whether a range of a buffer is these bytes. */
export function sameBytes(bytes: Uint8Array, buffer: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  if (bytes.length !== length) return false;
  for (let i = 0; i < length; i += 1) if (bytes[i] !== buffer[start + i]) return false;
  return true;
}
