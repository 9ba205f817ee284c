/** The password hashes that Portcullis reads and writes, by name. */
export type PasswordHashFormat = 'argon2id' | 'scrypt' | 'pbkdf2-sha512' | 'sha512' | 'bcrypt';

interface Stored {
  readonly salt: Buffer;
  readonly digest: Buffer;
}

/** Mosquitto's `$6$salt$hash`: one SHA-512 of password and salt. */
export interface StoredSha512 extends Stored {
  readonly format: 'sha512';
}

/** Mosquitto's `$7$iterations$salt$hash`. */
export interface StoredPbkdf2 extends Stored {
  readonly format: 'pbkdf2-sha512';
  readonly iterations: number;
}

/** `$argon2id$v=19$m=…,t=…,p=…$salt$hash`. */
export interface StoredArgon2 extends Stored {
  readonly format: 'argon2id';
  readonly version: 16 | 19;
  readonly memoryKiB: number;
  readonly passes: number;
  readonly parallelism: number;
}

/** `$scrypt$ln=…,r=…,p=…$salt$hash`. */
export interface StoredScrypt extends Stored {
  readonly format: 'scrypt';
  readonly logN: number;
  readonly blockSize: number;
  readonly parallelism: number;
}

/** `$2b$cost$` and 53 characters. Salt and digest stay in bcrypt's own alphabet, as ASCII. */
export interface StoredBcrypt extends Stored {
  readonly format: 'bcrypt';
  readonly variant: string;
  readonly cost: number;
}

export type StoredHash = StoredSha512 | StoredPbkdf2 | StoredArgon2 | StoredScrypt | StoredBcrypt;

const MIB = 1024 * 1024;

/**
 * The highest costs that a stored hash may ask for. Whoever can write one row of a user database could otherwise stop every login with it.
 * `workKiB` is memory times passes, because both limits at once would still be minutes of work.
 */
export const COST_LIMITS = {
  argon2: { memoryKiB: 1024 * 1024, passes: 100, parallelism: 64, workKiB: 8 * 1024 * 1024 },
  pbkdf2Iterations: 10_000_000,
  scrypt: { memoryBytes: 256 * MIB, blockSize: 64, parallelism: 64, workBytes: 1024 * MIB },
  bcryptCost: { lowest: 4, highest: 16 },
} as const;

/** Longest text that is looked at; the longest hash within the limits has about 300 characters. */
const MAX_STORED_LENGTH = 1024;
const SALT_BYTES = { lowest: 8, highest: 128 };
const DIGEST_BYTES = { lowest: 16, highest: 64 };

const PREFIXES: readonly (readonly [string, PasswordHashFormat])[] = [
  ['$argon2id$', 'argon2id'],
  ['$scrypt$', 'scrypt'],
  ['$7$', 'pbkdf2-sha512'],
  ['$6$', 'sha512'],
  ['$2a$', 'bcrypt'],
  ['$2b$', 'bcrypt'],
  ['$2y$', 'bcrypt'],
];

/**
 * Says which format a stored hash claims by its beginning, or null for none that is known.
 *
 * Looks at the beginning only: the rest may be malformed or ask for an absurd cost. Whether it can verify anything is `isPasswordHash`.
 */
export function passwordHashFormat(text: string): PasswordHashFormat | null {
  for (const [prefix, format] of PREFIXES) if (text.startsWith(prefix)) return format;
  return null;
}

/**
 * Says whether a text is a stored hash that `verifyPassword` can compare with: known format, well-formed, costs within the limits.
 *
 * For readers of files and databases that want to refuse bad data when it is loaded instead of at each login. Never throws.
 */
export function isPasswordHash(text: string): boolean {
  return parseStoredHash(text) !== null;
}

/** Takes a stored hash apart; null for anything that is not exactly one of the formats within its limits. */
export function parseStoredHash(text: string): StoredHash | null {
  if (text.length > MAX_STORED_LENGTH) return null;
  switch (passwordHashFormat(text)) {
    case 'sha512':
      return parseSha512(text);
    case 'pbkdf2-sha512':
      return parsePbkdf2(text);
    case 'argon2id':
      return parseArgon2(text);
    case 'scrypt':
      return parseScrypt(text);
    case 'bcrypt':
      return parseBcrypt(text);
    default:
      return null;
  }
}

/** Writes a hash down, the inverse of `parseStoredHash`. */
export function formatStoredHash(hash: StoredHash): string {
  switch (hash.format) {
    case 'sha512':
      return `$6$${hash.salt.toString('base64')}$${hash.digest.toString('base64')}`;
    case 'pbkdf2-sha512':
      return `$7$${hash.iterations}$${hash.salt.toString('base64')}$${hash.digest.toString('base64')}`;
    case 'argon2id':
      return `$argon2id$v=${hash.version}$m=${hash.memoryKiB},t=${hash.passes},p=${hash.parallelism}$${bare(hash.salt)}$${bare(hash.digest)}`;
    case 'scrypt':
      return `$scrypt$ln=${hash.logN},r=${hash.blockSize},p=${hash.parallelism}$${bare(hash.salt)}$${bare(hash.digest)}`;
    case 'bcrypt':
      return `$2${hash.variant}$${String(hash.cost).padStart(2, '0')}$${hash.salt.toString('latin1')}${hash.digest.toString('latin1')}`;
  }
}

function parseSha512(text: string): StoredSha512 | null {
  const parts = text.split('$');
  if (parts.length !== 4) return null;
  const salt = padded(parts[2]);
  const digest = padded(parts[3]);
  // crypt(3) has a `$6$` of its own in another alphabet: its digests have 86 characters and never decode to 64 bytes.
  if (!saltFits(salt) || digest?.length !== 64) return null;
  return { format: 'sha512', salt, digest };
}

function parsePbkdf2(text: string): StoredPbkdf2 | null {
  const parts = text.split('$');
  if (parts.length !== 5) return null;
  const iterations = wholeNumber(parts[2]);
  const salt = padded(parts[3]);
  const digest = padded(parts[4]);
  if (iterations === null || iterations > COST_LIMITS.pbkdf2Iterations) return null;
  if (!saltFits(salt) || digest?.length !== 64) return null;
  return { format: 'pbkdf2-sha512', iterations, salt, digest };
}

function parseArgon2(text: string): StoredArgon2 | null {
  const match = /^\$argon2id\$v=(16|19)\$m=(\d{1,10}),t=(\d{1,10}),p=(\d{1,10})\$([^$]*)\$([^$]*)$/.exec(text);
  if (match === null) return null;
  const memoryKiB = wholeNumber(match[2]);
  const passes = wholeNumber(match[3]);
  const parallelism = wholeNumber(match[4]);
  const salt = unpadded(match[5]);
  const digest = unpadded(match[6]);
  if (memoryKiB === null || passes === null || parallelism === null) return null;
  if (!argon2CostFits({ memoryKiB, passes, parallelism })) return null;
  if (!saltFits(salt) || !digestFits(digest)) return null;
  return { format: 'argon2id', version: match[1] === '16' ? 16 : 19, memoryKiB, passes, parallelism, salt, digest };
}

export function argon2CostFits(cost: { readonly memoryKiB: number; readonly passes: number; readonly parallelism: number }): boolean {
  const { argon2 } = COST_LIMITS;
  if (!isPositive(cost.memoryKiB, argon2.memoryKiB) || !isPositive(cost.passes, argon2.passes)) return false;
  if (!isPositive(cost.parallelism, argon2.parallelism)) return false;
  // The least memory of Argon2 is eight blocks for each lane.
  return cost.memoryKiB >= 8 * cost.parallelism && cost.memoryKiB * cost.passes <= argon2.workKiB;
}

function parseScrypt(text: string): StoredScrypt | null {
  const match = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([^$]*)\$([^$]*)$/.exec(text);
  if (match === null) return null;
  const logN = wholeNumber(match[1]);
  const blockSize = wholeNumber(match[2]);
  const parallelism = wholeNumber(match[3]);
  const salt = unpadded(match[4]);
  const digest = unpadded(match[5]);
  if (logN === null || blockSize === null || parallelism === null) return null;
  if (!scryptCostFits({ logN, blockSize, parallelism })) return null;
  if (!saltFits(salt) || !digestFits(digest)) return null;
  return { format: 'scrypt', logN, blockSize, parallelism, salt, digest };
}

export function scryptCostFits(cost: { readonly logN: number; readonly blockSize: number; readonly parallelism: number }): boolean {
  const { scrypt } = COST_LIMITS;
  if (!isPositive(cost.logN, 30) || !isPositive(cost.blockSize, scrypt.blockSize) || !isPositive(cost.parallelism, scrypt.parallelism)) return false;
  // RFC 7914 section 2: N is below 2^(128 * r / 8).
  if (cost.logN >= 16 * cost.blockSize) return false;
  const memoryBytes = 128 * 2 ** cost.logN * cost.blockSize;
  return memoryBytes <= scrypt.memoryBytes && memoryBytes * cost.parallelism <= scrypt.workBytes;
}

function parseBcrypt(text: string): StoredBcrypt | null {
  // 16 bytes of salt leave four unused bits in the 22nd character, 23 bytes of digest two in the last: bcrypt writes them as zero, so a
  // text with others could never compare equal.
  const match = /^\$2([aby])\$(\d\d)\$([./A-Za-z0-9]{21}[.Oeu])([./A-Za-z0-9]{30}[.CGKOSWaeimquy26])$/.exec(text);
  if (match === null) return null;
  const cost = Number(match[2]);
  const { lowest, highest } = COST_LIMITS.bcryptCost;
  if (cost < lowest || cost > highest) return null;
  return {
    format: 'bcrypt',
    variant: match[1] as string,
    cost,
    salt: Buffer.from(match[3] as string, 'latin1'),
    digest: Buffer.from(match[4] as string, 'latin1'),
  };
}

/** A number as these formats write it: digits, no sign, no leading zero, not zero. */
function wholeNumber(text: string | undefined): number | null {
  return text !== undefined && /^[1-9][0-9]{0,9}$/.test(text) ? Number(text) : null;
}

/** Base64 with padding. Re-encoding tells whether Node's forgiving decoder skipped or guessed something. */
function padded(text: string | undefined): Buffer | null {
  if (text === undefined) return null;
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}

function unpadded(text: string | undefined): Buffer | null {
  if (text === undefined) return null;
  const bytes = Buffer.from(text, 'base64');
  return bare(bytes) === text ? bytes : null;
}

function bare(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}

function saltFits(salt: Buffer | null): salt is Buffer {
  return salt !== null && salt.length >= SALT_BYTES.lowest && salt.length <= SALT_BYTES.highest;
}

function digestFits(digest: Buffer | null): digest is Buffer {
  return digest !== null && digest.length >= DIGEST_BYTES.lowest && digest.length <= DIGEST_BYTES.highest;
}

function isPositive(value: number, highest: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= highest;
}
