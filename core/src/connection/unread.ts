const FIRST_BYTES = 256;
/** A buffer that grew beyond this for one packet is not kept for the next. */
const KEPT_BYTES = 16_384;

/** Bytes of one connection that cannot be handled yet: the beginning of a packet, or what waits behind a packet that waits for an answer. */
export class Unread {
  length = 0;
  #buffer: Buffer | null = null;
  /** Where they begin: what is handled piece by piece does not move with each. */
  #start = 0;

  /** Adds a copy. The room doubles as needed, so that what a stranger announces costs nothing before it comes. */
  add(bytes: Buffer): void {
    const length = this.length + bytes.length;
    let buffer = this.#buffer;
    if (buffer === null || buffer.length - this.#start < length) {
      // A new one also where moving would do: somebody may be handling what lies in the old one.
      const larger = Buffer.allocUnsafeSlow(Math.max(length, this.length * 2, FIRST_BYTES));
      buffer?.copy(larger, 0, this.#start, this.#start + this.length);
      buffer = larger;
      this.#buffer = buffer;
      this.#start = 0;
    }
    bytes.copy(buffer, this.#start + this.length);
    this.length = length;
  }

  /** Adds a copy in front of what came meanwhile. */
  putBack(bytes: Buffer): void {
    if (this.length === 0) return this.add(bytes);
    const behind = Buffer.from(this.bytes());
    this.length = 0;
    this.#start = 0;
    this.add(bytes);
    this.add(behind);
  }

  /** Everything that is there; valid until something is added or dropped. */
  bytes(): Buffer {
    const buffer = this.#buffer as Buffer;
    return buffer.length === this.length ? buffer : buffer.subarray(this.#start, this.#start + this.length);
  }

  /** Forgets so many bytes from the front. */
  drop(count: number): void {
    if (count === 0) return;
    this.length -= count;
    this.#start += count;
    const buffer = this.#buffer;
    if (buffer === null) return;
    if (this.length === 0) {
      this.#start = 0;
      if (buffer.length > KEPT_BYTES) this.#buffer = null;
    } else if (this.#start >= this.length && this.#start >= FIRST_BYTES) {
      // Moved when less is left than was dropped: each byte once or twice, however many pieces it was handled in.
      buffer.copyWithin(0, this.#start, this.#start + this.length);
      this.#start = 0;
    }
  }

  clear(): void {
    this.length = 0;
    this.#start = 0;
    this.#buffer = null;
  }
}
