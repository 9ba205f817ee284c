const BINARY = 0x82;
const CLOSE = 8;
const CONTINUATION_TO_BINARY = 2;
/** Any key will do for a client that is no browser, except zero, which would make unmasking free. */
const KEY = [0x37, 0xfa, 0x21, 0x3d] as const;
const KEY_WORD = 0x3d21_fa37;

/** Room that a frame's head may need before its first byte; a multiple of four, so that masking goes by words. */
export const FRAME_ROOM = 16;

export function upgradeRequest(port: number): string {
  return [
    'GET /mqtt HTTP/1.1',
    `Host: 127.0.0.1:${port}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${Buffer.from('portcullis bench').toString('base64')}`,
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Protocol: mqtt',
    '\r\n',
  ].join('\r\n');
}

/** Makes the bytes from FRAME_ROOM to `end` one masked binary frame, in place; gives where the frame begins. The buffer starts at a multiple of four. */
export function maskInPlace(buffer: Buffer, end: number): number {
  const length = end - FRAME_ROOM;
  const words = length >> 2;
  const view = new Int32Array(buffer.buffer, buffer.byteOffset + FRAME_ROOM, words);
  for (let index = 0; index < words; index++) view[index] = (view[index] ?? 0) ^ KEY_WORD;
  for (let at = FRAME_ROOM + words * 4; at < end; at++) buffer[at] = (buffer[at] ?? 0) ^ (KEY[(at - FRAME_ROOM) & 3] ?? 0);
  buffer.set(KEY, FRAME_ROOM - 4);
  const head = FRAME_ROOM - 4;
  if (length < 126) {
    buffer[head - 1] = 0x80 | length;
    buffer[head - 2] = BINARY;
    return head - 2;
  }
  if (length < 65_536) {
    buffer.writeUInt16BE(length, head - 2);
    buffer[head - 3] = 0x80 | 126;
    buffer[head - 4] = BINARY;
    return head - 4;
  }
  buffer.writeUInt32BE(length, head - 4);
  buffer.writeUInt32BE(0, head - 8);
  buffer[head - 9] = 0x80 | 127;
  buffer[head - 10] = BINARY;
  return head - 10;
}

/** What a reader of frames tells of. */
export interface FrameSink {
  payload(bytes: Buffer, from: number, to: number): void;
  closed(): void;
}

/** Takes a server's frames apart; payloads of any number of frames are one stream of bytes. */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #head = Buffer.alloc(10);
  #headBytes = 0;
  #left = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  feed(bytes: Buffer, from: number, to: number): void {
    let at = from;
    while (at < to) {
      if (this.#left > 0) {
        const end = Math.min(to, at + this.#left);
        this.#left -= end - at;
        if (((this.#head[0] ?? 0) & 15) <= CONTINUATION_TO_BINARY) this.#sink.payload(bytes, at, end);
        at = end;
        continue;
      }
      this.#head[this.#headBytes++] = bytes[at++] ?? 0;
      if (!this.#headComplete()) continue;
      this.#headBytes = 0;
      if (((this.#head[0] ?? 0) & 15) === CLOSE) {
        this.#sink.closed();
        return;
      }
    }
  }

  #headComplete(): boolean {
    const length = (this.#head[1] ?? 0) & 0x7f;
    const wanted = this.#headBytes < 2 || length < 126 ? 2 : length === 126 ? 4 : 10;
    if (this.#headBytes < wanted) return false;
    if (length < 126) this.#left = length;
    else this.#left = length === 126 ? this.#head.readUInt16BE(2) : Number(this.#head.readBigUInt64BE(2));
    return true;
  }
}
