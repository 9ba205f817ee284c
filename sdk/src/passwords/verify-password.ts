import { timingSafeEqual } from 'node:crypto';
import { derive, isDistinct } from './derive.js';
import { parseStoredHash, type StoredHash } from './formats.js';

/** What `verifyPassword` may be told besides. */
export interface VerifyOptions {
  /**
   * A hash whose cost is spent when there is no usable stored hash, so that an unknown user takes as long as a known one. Its password does
   * not matter. Without it, or when it is no usable hash itself: Argon2id with the cost that `hashPassword` uses by default.
   */
  readonly dummy?: string;
}

/** Argon2id at the default cost; salt and digest are zeros, which no password is known to give, and the result is thrown away besides. */
const DEFAULT_DUMMY: StoredHash = {
  format: 'argon2id',
  version: 19,
  memoryKiB: 19_456,
  passes: 2,
  parallelism: 1,
  salt: Buffer.alloc(16),
  digest: Buffer.alloc(32),
};

/**
 * Compares a password with a stored hash, in constant time.
 *
 * For authorities that keep hashes; the broker's `credentials.verify` ends here, behind its own bounded queue. Reads Argon2id, scrypt, bcrypt
 * and Mosquitto's `$6$` and `$7$`. Slow formats run outside the event loop.
 *
 * True only for the very password that was hashed, byte for byte: nothing is trimmed, cut off or normalized. A stored hash that is null,
 * undefined, empty, malformed, of an unknown format or beyond the cost limits gives false, after the work of a dummy hash. So does a
 * password that the format cannot tell from others (bcrypt: over 72 bytes, a zero byte, no UTF-8; PBKDF2 and scrypt: a zero byte at the end).
 *
 * Errors: rejects only when no thread for bcrypt can be had; never because of what is stored.
 */
export async function verifyPassword(password: Uint8Array, stored: string | null | undefined, options: VerifyOptions = {}): Promise<boolean> {
  const hash = typeof stored === 'string' ? parseStoredHash(stored) : null;
  if (hash === null) {
    const dummy = options.dummy === undefined ? null : parseStoredHash(options.dummy);
    await derive(password, dummy ?? DEFAULT_DUMMY);
    return false;
  }
  const digest = await derive(password, hash);
  const equal = timingSafeEqual(digest, hash.digest);
  return equal && isDistinct(password, hash.format);
}
