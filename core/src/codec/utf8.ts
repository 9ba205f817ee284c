function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

/**
 * Strict UTF-8 without U+0000. Written out instead of asking a decoder: decoders replace ill-formed bytes silently,
 * and what one client's decoder repairs makes the next one disconnect.
 */
export function isValidUtf8(buffer: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const lead = buffer[at] as number;
    if (lead < 0x80) {
      if (lead === 0) return false; // [MQTT-1.5.4-2]
      at += 1;
      continue;
    }
    const length = sequenceLength(buffer, at, end, lead);
    if (length === 0) return false; // [MQTT-1.5.4-1]
    at += length;
  }
  return true;
}

/** 0 when ill-formed. The bounds of the second byte keep out overlong forms, surrogates and what lies above U+10FFFF. */
function sequenceLength(buffer: Uint8Array, at: number, end: number, lead: number): number {
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (at + length > end) return 0;
  const second = buffer[at + 1] as number;
  if (!isContinuation(second)) return 0;
  if (lead === 0xe0 && second < 0xa0) return 0;
  if (lead === 0xed && second > 0x9f) return 0;
  if (lead === 0xf0 && second < 0x90) return 0;
  if (lead === 0xf4 && second > 0x8f) return 0;
  if (length > 2 && !isContinuation(buffer[at + 2] as number)) return 0;
  if (length > 3 && !isContinuation(buffer[at + 3] as number)) return 0;
  return length;
}

/** The string, or null when the bytes are not what MQTT calls a UTF-8 string. */
export function decodeUtf8(buffer: Buffer, start: number, end: number): string | null {
  // Buffer keeps a byte order mark; TextDecoder would strip it by default. [MQTT-1.5.4-3]
  return isValidUtf8(buffer, start, end) ? buffer.toString('utf8', start, end) : null;
}
