import { hash, randomBytes } from 'node:crypto';

const SECRET_BYTES = 32;
const HEADER_BYTES = 5;
/** Names and hashes fit; what is longer gets a buffer of its own. */
const SCRATCH_BYTES = 4096;

/**
 * Makes keys of caches from several texts: SHA-512/256 of a random secret that never leaves the process and of the parts, each with its length. Half of
 * what that function computes does not show in its result, so that nobody could go on from a key to that of a longer text, as with SHA-256.
 *
 * Other parts, another order, or another split of the same characters give another key: `a`, `b-c` never meets `a-b`, `c`. Null is a part of its own
 * and not the empty text. What a key was made from cannot be found from it, so it may hold secrets; nothing of them is kept.
 */
export class KeyedDigest {
  readonly #scratch = Buffer.alloc(SCRATCH_BYTES);

  constructor() {
    randomBytes(SECRET_BYTES).copy(this.#scratch);
  }

  /** The key of these parts: 43 characters. The same parts give the same key as long as this object lives. */
  of(...parts: readonly (string | null)[]): string {
    let length = SECRET_BYTES;
    for (const part of parts) length += HEADER_BYTES + (part === null ? 0 : part.length * 2);
    const bytes = length <= SCRATCH_BYTES ? this.#scratch : Buffer.alloc(length);
    if (bytes !== this.#scratch) this.#scratch.copy(bytes, 0, 0, SECRET_BYTES);
    let at = SECRET_BYTES;
    for (const part of parts) {
      bytes[at] = part === null ? 0 : 1;
      // Two lone surrogates become the same bytes in UTF-8, hence UTF-16, which keeps every text apart.
      bytes.writeUInt32BE(part === null ? 0 : part.length * 2, at + 1);
      at += HEADER_BYTES;
      if (part !== null) at += bytes.write(part, at, 'utf16le');
    }
    const key = hash('sha512-256', bytes.subarray(0, length), 'base64url');
    bytes.fill(0, SECRET_BYTES, length);
    return key;
  }
}
