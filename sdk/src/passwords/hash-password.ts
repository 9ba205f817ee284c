import { randomBytes, randomInt } from 'node:crypto';
import { derive, isHashable } from './derive.js';
import {
  argon2CostFits,
  COST_LIMITS,
  formatStoredHash,
  type PasswordHashFormat,
  parseStoredHash,
  type StoredArgon2,
  type StoredHash,
  type StoredScrypt,
  scryptCostFits,
} from './formats.js';

/** How a new hash is made. Each cost is for its own format; what is left out has the default named here. */
export interface HashOptions {
  /** Default `argon2id`. `pbkdf2-sha512` and `sha512` are those that Mosquitto 2.0 reads; `sha512` is fast to guess and only for its sake. */
  readonly format?: PasswordHashFormat;
  /** Memory in KiB (19,456), passes (2), lanes (1). */
  readonly argon2id?: { readonly memoryKiB?: number; readonly passes?: number; readonly parallelism?: number };
  /** Logarithm of N (17), block size r (8), parallelism p (1). */
  readonly scrypt?: { readonly logN?: number; readonly blockSize?: number; readonly parallelism?: number };
  /** Iterations (210,000). */
  readonly pbkdf2?: { readonly iterations?: number };
  /** Logarithm of the rounds (10), 4 to 16. */
  readonly bcrypt?: { readonly cost?: number };
}

/** Mosquitto 2.0 takes salts of exactly twelve bytes. */
const MOSQUITTO_SALT_BYTES = 12;
const BCRYPT_ALPHABET = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/**
 * Makes a hash of a password, to be stored.
 *
 * For tools that write password files and databases. Gives the text that `verifyPassword` takes, with a fresh random salt. A text stands for its bytes in UTF-8,
 * which is what MQTT clients send.
 *
 * Errors: RangeError when a cost is beyond the limits of `verifyPassword`, or when the format could not tell this password from others
 * (bcrypt: over 72 bytes, a zero byte, no UTF-8; `pbkdf2-sha512`: over 128 bytes, `scrypt`: over 64 bytes, a zero byte at the end).
 * Rejects when no thread for bcrypt can be had.
 */
export async function hashPassword(given: Uint8Array | string, options: HashOptions = {}): Promise<string> {
  const password = typeof given === 'string' ? Buffer.from(given) : given;
  const blank = blankHash(options);
  if (!isHashable(password, blank.format))
    throw new RangeError(`${blank.format} cannot tell this password from others: ${LIMITS_IN_WORDS[blank.format]}`);
  const digest = await derive(password, blank);
  return formatStoredHash({ ...blank, digest });
}

/**
 * Makes a hash that no password verifies but that costs what `like` costs; null when `like` is no usable hash.
 *
 * For authorities that keep hashes of several costs: verifying an unknown user against a decoy of the installation's own kind takes as long
 * as a known user with a wrong password. The answer must be ignored all the same.
 */
export function decoyHash(like: string): string | null {
  const hash = parseStoredHash(like);
  if (hash === null) return null;
  if (hash.format === 'bcrypt') {
    return formatStoredHash({ ...hash, salt: bcryptText(21, '.Oeu'), digest: bcryptText(30, '.CGKOSWaeimquy26') });
  }
  return formatStoredHash({ ...hash, salt: randomBytes(hash.salt.length), digest: randomBytes(hash.digest.length) });
}

const LIMITS_IN_WORDS: Readonly<Record<PasswordHashFormat, string>> = {
  argon2id: '',
  sha512: '',
  bcrypt: 'at most 72 bytes of UTF-8, no U+0000',
  'pbkdf2-sha512': 'at most 128 bytes, no U+0000 at the end',
  scrypt: 'at most 64 bytes, no U+0000 at the end',
};

/** A hash with cost and salt, and a digest that has only its length. */
function blankHash(options: HashOptions): StoredHash {
  const format = options.format ?? 'argon2id';
  switch (format) {
    case 'argon2id':
      return blankArgon2(options);
    case 'scrypt':
      return blankScrypt(options);
    case 'pbkdf2-sha512': {
      const iterations = options.pbkdf2?.iterations ?? 210_000;
      requireCost(Number.isInteger(iterations) && iterations >= 1 && iterations <= COST_LIMITS.pbkdf2Iterations, format);
      return { format, iterations, salt: randomBytes(MOSQUITTO_SALT_BYTES), digest: Buffer.alloc(64) };
    }
    case 'sha512':
      return { format, salt: randomBytes(MOSQUITTO_SALT_BYTES), digest: Buffer.alloc(64) };
    case 'bcrypt': {
      const cost = options.bcrypt?.cost ?? 10;
      const { lowest, highest } = COST_LIMITS.bcryptCost;
      requireCost(Number.isInteger(cost) && cost >= lowest && cost <= highest, format);
      return { format, variant: 'b', cost, salt: bcryptText(21, '.Oeu'), digest: Buffer.alloc(31) };
    }
    default:
      throw new RangeError('unknown format of password hashes');
  }
}

function blankArgon2(options: HashOptions): StoredArgon2 {
  const cost = {
    memoryKiB: options.argon2id?.memoryKiB ?? 19_456,
    passes: options.argon2id?.passes ?? 2,
    parallelism: options.argon2id?.parallelism ?? 1,
  };
  requireCost(argon2CostFits(cost), 'argon2id');
  return { format: 'argon2id', version: 19, ...cost, salt: randomBytes(16), digest: Buffer.alloc(32) };
}

function blankScrypt(options: HashOptions): StoredScrypt {
  const cost = {
    logN: options.scrypt?.logN ?? 17,
    blockSize: options.scrypt?.blockSize ?? 8,
    parallelism: options.scrypt?.parallelism ?? 1,
  };
  requireCost(scryptCostFits(cost), 'scrypt');
  return { format: 'scrypt', ...cost, salt: randomBytes(16), digest: Buffer.alloc(32) };
}

function requireCost(fits: boolean, format: PasswordHashFormat): void {
  if (!fits) throw new RangeError(`a cost of ${format} is beyond its limits`);
}

/** Random text in bcrypt's alphabet whose last character leaves the unused bits zero. */
function bcryptText(length: number, lastOf: string): Buffer {
  const bytes = Buffer.alloc(length + 1);
  for (let i = 0; i < length; i++) bytes[i] = BCRYPT_ALPHABET.charCodeAt(randomInt(BCRYPT_ALPHABET.length));
  bytes[length] = lastOf.charCodeAt(randomInt(lastOf.length));
  return bytes;
}
