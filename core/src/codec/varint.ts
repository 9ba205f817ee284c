/** Largest value of a variable byte integer. */
export const MAX_VARINT = 268_435_455;

/**
 * The value at `at`, or -1 when it is cut off, longer than four bytes or not in its shortest form. As only the shortest
 * form passes, `varintLength` of the value says where it ended, and nothing is allocated to return two numbers.
 */
export function readVarint(buffer: Uint8Array, at: number, end: number): number {
  let value = 0;
  for (let i = 0; i < 4; i++) {
    if (at + i >= end) return -1;
    const byte = buffer[at + i] as number;
    value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return byte === 0 && i > 0 ? -1 : value; // [MQTT-1.5.5-1]
  }
  return -1;
}

export function varintLength(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  return value < 0x200000 ? 3 : 4;
}

export function writeVarint(target: Uint8Array, offset: number, value: number): number {
  let rest = value;
  let at = offset;
  while (rest > 0x7f) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}
