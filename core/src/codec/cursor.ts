import { Fault, malformed } from './faults.js';
import type { Malformed } from './packets.js';
import { isValidUtf8 } from './utf8.js';
import { readVarint, varintLength } from './varint.js';

const EMPTY = Buffer.alloc(0);

/**
 * Reads fields of a packet one after the other. The first thing that goes wrong is kept and moves the cursor to the end,
 * so that a decoder may read on and ask once; whatever it then holds is thrown away.
 */
export class Cursor {
  readonly buffer: Buffer;
  readonly end: number;
  at: number;
  #reasonCode = 0;
  #detail = '';

  constructor(buffer: Buffer, at: number, end: number) {
    this.buffer = buffer;
    this.at = at;
    this.end = end;
  }

  get failed(): boolean {
    return this.#reasonCode !== 0;
  }

  get isAtEnd(): boolean {
    return this.at >= this.end;
  }

  fail(reasonCode: number, detail: string): void {
    if (this.#reasonCode !== 0) return;
    this.#reasonCode = reasonCode;
    this.#detail = detail;
    this.at = this.end;
  }

  /** Null when everything was fine and nothing is left over. */
  finish(): Malformed | null {
    if (this.#reasonCode === 0 && this.at !== this.end) this.fail(Fault.MALFORMED, 'bytes left over');
    return this.#reasonCode === 0 ? null : malformed(this.#reasonCode, this.#detail);
  }

  uint8(field: string): number {
    if (!this.#has(1, field)) return 0;
    return this.buffer[this.at++] as number;
  }

  uint16(field: string): number {
    if (!this.#has(2, field)) return 0;
    this.at += 2;
    return ((this.buffer[this.at - 2] as number) << 8) | (this.buffer[this.at - 1] as number);
  }

  packetId(): number {
    const packetId = this.uint16('packet identifier');
    if (packetId === 0) this.fail(Fault.PROTOCOL_ERROR, 'packet identifier is 0'); // [MQTT-2.2.1-3]
    return packetId;
  }

  varint(field: string): number {
    const value = readVarint(this.buffer, this.at, this.end);
    if (value < 0) {
      this.fail(Fault.MALFORMED, `${field}: bad variable byte integer`);
      return 0;
    }
    this.at += varintLength(value);
    return value;
  }

  text(field: string): string {
    const start = this.#lengthPrefixed(field);
    if (start < 0) return '';
    if (!isValidUtf8(this.buffer, start, this.at)) {
      this.fail(Fault.MALFORMED, `${field}: ill-formed UTF-8`); // [MQTT-1.5.4-1]
      return '';
    }
    return this.buffer.toString('utf8', start, this.at);
  }

  /** A copy: the input buffer is used again for the next packets. */
  binary(field: string): Buffer {
    const start = this.#lengthPrefixed(field);
    return start < 0 ? EMPTY : copyBytes(this.buffer, start, this.at);
  }

  /** Where the bytes behind a two-byte length begin; they end at the cursor. -1 when cut off. */
  #lengthPrefixed(field: string): number {
    const length = this.uint16(field);
    if (this.failed || !this.#has(length, field)) return -1;
    this.at += length;
    return this.at - length;
  }

  #has(bytes: number, field: string): boolean {
    if (this.end - this.at >= bytes) return true;
    this.fail(Fault.MALFORMED, `${field}: cut off`);
    return false;
  }
}

/** Not from Node's pool: a small will or password would hold on to, and lie beside, eight kilobytes of others' data. */
export function copyBytes(buffer: Buffer, start: number, end: number): Buffer {
  if (end <= start) return EMPTY;
  const copy = Buffer.allocUnsafeSlow(end - start);
  buffer.copy(copy, 0, start, end);
  return copy;
}
