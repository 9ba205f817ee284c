import { createHmac, randomBytes } from 'node:crypto';

/** So many a second, and so many at once after a pause. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** What one key has left. */
export interface Bucket {
  /** How many may come now; below zero after one that was larger than the burst. */
  tokens: number;
  /** Nothing may come before this time, in monotonic milliseconds, whatever there is left. */
  closedUntil: number;
  filledAt: number;
}

/** Buckets for those who find no place. */
const SHARED = 1024;
/** How many of those that were not asked for longest are looked at when a place is needed. */
const LOOKS = 8;

/**
 * A token bucket for each key, in bounded memory.
 *
 * A bucket makes room only when it is full again: then it says nothing that a new one would not say. When all places are taken by others, a key that
 * has none shares one of 1,024 buckets with whomever the same digest falls to. So nobody is forgotten because somebody else makes up many keys, and
 * nobody without a place is let through uncounted. The digest has a random key: which bucket a name falls to cannot be worked out.
 */
export class Buckets {
  readonly #capacity: number;
  /** The one that was not asked for longest comes first. */
  readonly #own = new Map<string, Bucket>();
  readonly #shared = new Map<number, Bucket>();
  readonly #key = randomBytes(16);

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#own.size + this.#shared.size;
  }

  /** The bucket of a key as it is at this moment, to be used at once. `now`: monotonic milliseconds. */
  at(key: string, rate: Rate, now: number): Bucket {
    const known = this.#own.get(key);
    if (known !== undefined) {
      fill(known, rate, now);
      this.#own.delete(key);
      this.#own.set(key, known);
      return known;
    }
    if (this.#own.size >= this.#capacity && !this.#makeRoom(rate, now)) return this.#sharedBy(key, rate, now);
    const fresh = { tokens: rate.burst, closedUntil: 0, filledAt: now };
    this.#own.set(key, fresh);
    return fresh;
  }

  #makeRoom(rate: Rate, now: number): boolean {
    let looks = LOOKS;
    for (const [key, bucket] of this.#own) {
      fill(bucket, rate, now);
      if (bucket.tokens >= rate.burst && bucket.closedUntil <= now) return this.#own.delete(key);
      looks -= 1;
      if (looks === 0) break;
    }
    return false;
  }

  #sharedBy(key: string, rate: Rate, now: number): Bucket {
    const place = createHmac('sha256', this.#key).update(key).digest().readUInt16BE(0) % SHARED;
    const shared = this.#shared.get(place) ?? { tokens: rate.burst, closedUntil: 0, filledAt: now };
    fill(shared, rate, now);
    this.#shared.set(place, shared);
    return shared;
  }
}

function fill(bucket: Bucket, { perSecond, burst }: Rate, now: number): void {
  bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.filledAt) * perSecond) / 1000);
  bucket.filledAt = now;
}

/** Whether so much may come now. What is larger than a whole burst may when the bucket is full: else it never could. */
export function holds(bucket: Bucket, cost: number, { burst }: Rate, now: number): boolean {
  return bucket.closedUntil <= now && bucket.tokens >= Math.min(cost, burst);
}
