const FIRST_BYTES = 256;
/** A buffer that grew beyond this for one packet is not kept for the next. */
const KEPT_BYTES = 16_384;

/** Bytes of one connection that cannot be handled yet: the beginning of a packet, or what waits behind a packet that waits for an answer. */
export class Unread {
  length = 0;
  #buffer: Buffer | null = null;

  /** Adds a copy. The room doubles as needed, so that what a stranger announces costs nothing before it comes. */
  add(bytes: Buffer): void {
    const length = this.length + bytes.length;
    let buffer = this.#buffer;
    if (buffer === null || buffer.length < length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, this.length * 2, FIRST_BYTES));
      buffer?.copy(larger, 0, 0, this.length);
      buffer = larger;
      this.#buffer = buffer;
    }
    bytes.copy(buffer, this.length);
    this.length = length;
  }

  /** Adds a copy in front of what came meanwhile. */
  putBack(bytes: Buffer): void {
    if (this.length === 0) return this.add(bytes);
    const behind = Buffer.from(this.bytes());
    this.length = 0;
    this.add(bytes);
    this.add(behind);
  }

  /** Everything that is there; valid until something is added or dropped. */
  bytes(): Buffer {
    const buffer = this.#buffer as Buffer;
    return buffer.length === this.length ? buffer : buffer.subarray(0, this.length);
  }

  /** Forgets so many bytes from the front. */
  drop(count: number): void {
    if (count === 0) return;
    this.length -= count;
    if (this.length > 0) this.#buffer?.copyWithin(0, count, count + this.length);
    else if (this.#buffer !== null && this.#buffer.length > KEPT_BYTES) this.#buffer = null;
  }

  clear(): void {
    this.length = 0;
    this.#buffer = null;
  }
}
