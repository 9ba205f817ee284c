import { createHmac, randomBytes } from 'node:crypto';

/**
 * Makes keys of caches from several texts: HMAC-SHA256, under a random key that never leaves the process, of the parts, each with its length.
 *
 * Other parts, another order, or another split of the same characters give another key: `a`, `b-c` never meets `a-b`, `c`. Null is a part of its own
 * and not the empty text. What a key was made from cannot be found from it, so it may hold secrets; nothing of them is kept.
 */
export class KeyedDigest {
  readonly #secret = randomBytes(32);

  /** The key of these parts: 43 characters. The same parts give the same key as long as this object lives. */
  of(...parts: readonly (string | null)[]): string {
    const hmac = createHmac('sha256', this.#secret);
    const header = Buffer.allocUnsafe(5);
    for (const part of parts) {
      header[0] = part === null ? 0 : 1;
      // Two lone surrogates become the same bytes in UTF-8, hence UTF-16, which keeps every text apart.
      header.writeUInt32BE(part === null ? 0 : part.length * 2, 1);
      hmac.update(header);
      if (part !== null) hmac.update(part, 'utf16le');
    }
    return hmac.digest('base64url');
  }
}
