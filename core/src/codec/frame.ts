/** Where a packet's body lies. One value is reused for a whole connection. */
export class Frame {
  bodyStart = 0;
  end = 0;
}

export const FRAME_INCOMPLETE = 0;
export const FRAME_MALFORMED = -1;
export const FRAME_TOO_LONG = -2;

/**
 * Finds the packet that begins at `start`. Above 0: its total length, with `frame` filled. Otherwise one of the three
 * constants; with FRAME_INCOMPLETE `frame.end` is the end needed if the fixed header was complete, else 0.
 * The length is judged from the header alone: a client that claims 256 MiB is refused before it sends a byte of them.
 */
export function readFrame(buffer: Uint8Array, start: number, end: number, maxPacketBytes: number, frame: Frame): number {
  let remaining = 0;
  for (let i = 0; i < 4; i++) {
    const at = start + 1 + i;
    if (at >= end) {
      frame.end = 0;
      return FRAME_INCOMPLETE;
    }
    const byte = buffer[at] as number;
    remaining |= (byte & 0x7f) << (7 * i);
    if (byte >= 0x80) continue;
    if (byte === 0 && i > 0) return FRAME_MALFORMED; // [MQTT-1.5.5-1]
    const total = 2 + i + remaining;
    if (total > maxPacketBytes) return FRAME_TOO_LONG;
    frame.bodyStart = at + 1;
    frame.end = start + total;
    return frame.end > end ? FRAME_INCOMPLETE : total;
  }
  return FRAME_MALFORMED;
}
