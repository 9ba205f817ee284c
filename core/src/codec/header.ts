import { varintLength, writeVarint } from './varint.js';

/** Length of the fixed header for a remaining length. */
export function headerLength(remaining: number): number {
  return 1 + varintLength(remaining);
}

/** Returns the offset behind the fixed header. */
export function writeHeader(target: Uint8Array, offset: number, firstByte: number, remaining: number): number {
  target[offset] = firstByte;
  return writeVarint(target, offset + 1, remaining);
}
