import { headerLength, writeHeader } from './header.js';
import { varintLength, writeVarint } from './varint.js';

const MAX_FIELD_BYTES = 65_535;
const isContinuation = (byte: number): boolean => (byte & 0xc0) === 0x80;

/**
 * Grows as fields are written. Total by construction: text that MQTT could not carry is made fit (U+0000 and lone
 * surrogates become U+FFFD, length ends at a character within 65,535 bytes), because an encoder that throws takes the
 * broker down where one that writes an illegal string makes the receiver hang up.
 */
export class ByteWriter {
  #buffer: Buffer;
  #length = 0;

  constructor(capacity = 64) {
    this.#buffer = Buffer.allocUnsafe(capacity);
  }

  get length(): number {
    return this.#length;
  }

  uint8(value: number): this {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
    return this;
  }

  uint16(value: number): this {
    return this.uint8((value >>> 8) & 0xff).uint8(value & 0xff);
  }

  uint32(value: number): this {
    return this.uint16(Math.floor(value / 65_536)).uint16(value & 0xffff);
  }

  varint(value: number): this {
    this.#reserve(varintLength(value));
    this.#length = writeVarint(this.#buffer, this.#length, value);
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  binary(bytes: Uint8Array): this {
    const fitting = bytes.length > MAX_FIELD_BYTES ? bytes.subarray(0, MAX_FIELD_BYTES) : bytes;
    return this.uint16(fitting.length).raw(fitting);
  }

  text(value: string): this {
    const bytes = Buffer.from(value.includes('\0') ? value.replaceAll('\0', '\ufffd') : value);
    let length = bytes.length;
    if (length > MAX_FIELD_BYTES) {
      length = MAX_FIELD_BYTES;
      while (isContinuation(bytes[length] as number)) length -= 1;
    }
    return this.uint16(length).raw(bytes.subarray(0, length));
  }

  /** What was written so far, as a buffer of its own. */
  toBuffer(): Buffer {
    const copy = Buffer.allocUnsafeSlow(this.#length);
    this.#buffer.copy(copy, 0, 0, this.#length);
    return copy;
  }

  /** What was written so far as the body of a packet. */
  toPacket(firstByte: number): Buffer {
    const packet = Buffer.allocUnsafe(headerLength(this.#length) + this.#length);
    this.#buffer.copy(packet, writeHeader(packet, 0, firstByte, this.#length), 0, this.#length);
    return packet;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}
