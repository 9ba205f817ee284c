import { createHash, hash, randomBytes } from 'node:crypto';
import type { Clock } from '../clock.js';

const KEY_BYTES = 32;
/** What is longer is not remembered: a password of 64 KiB costs little beside its hash. */
const MAX_BYTES = 1024;

/**
 * Remembers which passwords matched which stored hashes, so that a client that comes back does not cost a password hash each time. Nothing else
 * is remembered: no failure, no error, no password. The key of an entry is a digest, under a random key that never leaves the process, of
 * the stored hash and the password, each with its length: another password, another hash of the same user, or another split of the two is
 * another key. So an entry can only repeat what a verification would say again.
 */
export class VerifiedCache {
  readonly #clock: Clock;
  readonly #capacity: number;
  readonly #lifetimeMs: number;
  /** When each was verified; the oldest first. */
  readonly #verifiedAt = new Map<string, number>();
  /** Key, length of the stored hash, stored hash, password. */
  readonly #input = Buffer.alloc(KEY_BYTES + 4 + MAX_BYTES);

  /** `capacity`: most entries; 0 remembers nothing. */
  constructor(clock: Clock, capacity: number, lifetimeMs: number) {
    this.#clock = clock;
    this.#capacity = capacity;
    this.#lifetimeMs = lifetimeMs;
    this.#input.set(randomBytes(KEY_BYTES));
  }

  get size(): number {
    return this.#verifiedAt.size;
  }

  /** The key for a pair; null where it is not to be remembered. */
  keyOf(password: Uint8Array, stored: string): string | null {
    const storedBytes = Buffer.byteLength(stored);
    const bytes = storedBytes + password.length;
    if (this.#capacity === 0 || bytes > MAX_BYTES) return null;
    const input = this.#input;
    input.writeUInt32BE(storedBytes, KEY_BYTES);
    input.write(stored, KEY_BYTES + 4);
    input.set(password, KEY_BYTES + 4 + storedBytes);
    const end = KEY_BYTES + 4 + bytes;
    const key = digest(input.subarray(0, end));
    input.fill(0, KEY_BYTES, end);
    return key;
  }

  /** Whether the pair was verified not longer ago than the lifetime. */
  has(key: string): boolean {
    const at = this.#verifiedAt.get(key);
    if (at === undefined) return false;
    if (this.#clock.now() - at < this.#lifetimeMs) return true;
    this.#verifiedAt.delete(key);
    return false;
  }

  add(key: string): void {
    this.#verifiedAt.delete(key);
    this.#verifiedAt.set(key, this.#clock.now());
    if (this.#verifiedAt.size <= this.#capacity) return;
    for (const oldest of this.#verifiedAt.keys()) {
      this.#verifiedAt.delete(oldest);
      return;
    }
  }
}

/** In one call where Node has it; the object of `createHash` costs more than the digest. */
const digest: (bytes: Uint8Array) => string =
  typeof hash === 'function' ? (bytes) => hash('sha256', bytes, 'base64') : (bytes) => createHash('sha256').update(bytes).digest('base64');
