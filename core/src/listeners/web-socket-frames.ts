import type { Duplex } from 'node:stream';

/** RFC 6455 section 5.2. */
export const Opcode = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 } as const;

/** RFC 6455 section 7.4.1. */
export const CloseCode = { NORMAL: 1000, PROTOCOL_ERROR: 1002, UNSUPPORTED_DATA: 1003, TOO_BIG: 1009 } as const;

const FINAL = 0x80;
const LONGEST_HEADER = 10;
const SLAB_BYTES = 65_536;
/** Up to this size copying a payload behind its header costs less than handing two buffers to the kernel. */
const COPY_BYTES = 16_384;

/**
 * Writes binary frames. A small one is put together in a slab that all sockets share; the kernel takes most frames at once, and then their
 * room is used again.
 */
export class FrameWriter {
  #slab: Buffer | null = null;
  #used = 0;

  /** Writes several buffers, so many bytes in all, as one frame. None of them is needed any more when the socket has nothing left to write. */
  write(socket: Duplex, buffers: readonly Buffer[], bytes: number): void {
    if (bytes <= COPY_BYTES) this.#copied(socket, buffers, bytes);
    else {
      const header = Buffer.allocUnsafe(LONGEST_HEADER);
      socket.cork();
      socket.write(header.subarray(0, writeHeader(header, 0, bytes)));
      for (const buffer of buffers) socket.write(buffer);
      socket.uncork();
    }
  }

  #copied(socket: Duplex, buffers: readonly Buffer[], bytes: number): void {
    // Where a peer is slow already, its frame must not keep a whole slab.
    const shared = socket.writableLength === 0;
    const target = shared ? this.#room(bytes + LONGEST_HEADER) : Buffer.allocUnsafeSlow(bytes + LONGEST_HEADER);
    const start = shared ? this.#used : 0;
    let end = writeHeader(target, start, bytes);
    for (const buffer of buffers) end += buffer.copy(target, end);
    socket.write(target.subarray(start, end));
    if (shared && socket.writableLength > 0) this.#used = end;
  }

  #room(bytes: number): Buffer {
    if (this.#slab === null || this.#used + bytes > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#used = 0;
    }
    return this.#slab;
  }
}

/** Writes the header of a binary frame at `offset`; returns where its payload begins. */
function writeHeader(target: Buffer, offset: number, bytes: number): number {
  target[offset] = FINAL | Opcode.BINARY;
  if (bytes < 126) {
    target[offset + 1] = bytes;
    return offset + 2;
  }
  if (bytes < 65_536) {
    target[offset + 1] = 126;
    return target.writeUInt16BE(bytes, offset + 2);
  }
  target[offset + 1] = 127;
  target.writeUInt32BE(Math.floor(bytes / 2 ** 32), offset + 2);
  return target.writeUInt32BE(bytes >>> 0, offset + 6);
}

/** The answer to a ping. */
export function pongFrame(payload: Buffer): Buffer {
  return Buffer.concat([Buffer.of(FINAL | Opcode.PONG, payload.length), payload]);
}

/** A close frame, without a status code if that is null. */
export function closeFrame(code: number | null): Buffer {
  return code === null ? Buffer.of(FINAL | Opcode.CLOSE, 0) : Buffer.of(FINAL | Opcode.CLOSE, 2, code >> 8, code & 0xff);
}
