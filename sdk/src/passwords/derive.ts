import { isUtf8 } from 'node:buffer';
import { createHash, pbkdf2, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { hashRaw } from '@node-rs/argon2';
import { bcryptWorkers } from './bcrypt-workers.js';
import { COST_LIMITS, type PasswordHashFormat, type StoredHash } from './formats.js';

const pbkdf2Async = promisify(pbkdf2);
const scryptAsync = promisify<Buffer, Buffer, number, { N: number; r: number; p: number; maxmem: number }, Buffer>(scrypt);

/** bcrypt reads no more than this of a password. */
const BCRYPT_BYTES = 72;
/** HMAC replaces keys longer than its block by their hash. */
const HMAC_BLOCK_BYTES = { 'pbkdf2-sha512': 128, scrypt: 64 } as const;
const STAND_IN = Buffer.from('stand-in');

/**
 * Whether a format can tell this password from every other one. Two of them cannot for all:
 * bcrypt stops at 72 bytes and repeats the password with a U+0000 behind it, so "a" and "a\0a" are one key to it;
 * HMAC (inside PBKDF2 and scrypt) fills its key with zeros, so "a" and "a\0" are one key to it.
 */
export function isDistinct(password: Uint8Array, format: PasswordHashFormat): boolean {
  switch (format) {
    case 'bcrypt':
      return password.length <= BCRYPT_BYTES && !password.includes(0) && isUtf8(password);
    case 'pbkdf2-sha512':
    case 'scrypt':
      return password[password.length - 1] !== 0;
    default:
      return true;
  }
}

/**
 * Whether a *new* hash of this password may be made. Stricter than `isDistinct`: to HMAC a password beyond its block is the same as that
 * password's hash. Files written by others may hold such hashes, so they still verify, but none is made here.
 */
export function isHashable(password: Uint8Array, format: PasswordHashFormat): boolean {
  if (!isDistinct(password, format)) return false;
  return format === 'pbkdf2-sha512' || format === 'scrypt' ? password.length <= HMAC_BLOCK_BYTES[format] : true;
}

/** Computes what the digest would be for this password, with the salt and cost of `hash`. A password that is not distinct costs the same. */
export async function derive(password: Uint8Array, hash: StoredHash): Promise<Buffer> {
  const bytes = isDistinct(password, hash.format) ? Buffer.from(password.buffer, password.byteOffset, password.byteLength) : STAND_IN;
  switch (hash.format) {
    case 'sha512':
      return createHash('sha512').update(bytes).update(hash.salt).digest();
    case 'pbkdf2-sha512':
      return await pbkdf2Async(bytes, hash.salt, hash.iterations, hash.digest.length, 'sha512');
    case 'argon2id':
      return await hashRaw(bytes, {
        salt: hash.salt,
        memoryCost: hash.memoryKiB,
        timeCost: hash.passes,
        parallelism: hash.parallelism,
        outputLen: hash.digest.length,
        algorithm: 2,
        version: hash.version === 16 ? 0 : 1,
      });
    case 'scrypt':
      return await scryptAsync(bytes, hash.salt, hash.digest.length, {
        N: 2 ** hash.logN,
        r: hash.blockSize,
        p: hash.parallelism,
        maxmem: 2 * COST_LIMITS.scrypt.memoryBytes,
      });
    case 'bcrypt':
      return Buffer.from(await bcryptWorkers.digest(bytes.toString('utf8'), hash.cost, hash.salt.toString('latin1')), 'latin1');
  }
}
