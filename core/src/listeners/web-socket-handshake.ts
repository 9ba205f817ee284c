import type { IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import type { WebSocketServer } from 'ws';

const NOTHING = Buffer.alloc(0);
const END_OF_HEADERS = Buffer.from('\r\n\r\n');

/**
 * Has `ws` judge a request and answer it: 101, or the status of a refusal. `accepted` is called when the 101 has been written; the socket is
 * then the caller's alone, for `ws` only knows a stand-in. `broken` is called when `ws` says that it accepted and has answered something else,
 * or throws: the socket has been closed.
 */
export function handshake(sockets: WebSocketServer, request: IncomingMessage, socket: Duplex, accepted: () => void, broken: () => void): void {
  // A client that is gone, or has closed its side: nothing would tell of its end any more.
  if (!socket.readable || !socket.writable) return void socket.destroy();
  const standIn = new StandIn(socket);
  const failed = (): void => {
    standIn.release();
    socket.destroy();
    broken();
  };
  try {
    sockets.handleUpgrade(request, standIn, NOTHING, () => {
      if (!standIn.switched || socket.destroyed) return failed();
      standIn.release();
      accepted();
    });
  } catch {
    failed();
  }
}

/** A socket for the answer to an upgrade, which never reads: the frames are not for `ws`. */
class StandIn extends Duplex {
  /** Whether one whole answer of the status 101 was written, and nothing else. */
  switched = false;
  #answered = false;
  #socket: Duplex | null;

  constructor(socket: Duplex) {
    super();
    this.#socket = socket;
  }

  /** The socket goes its own way. */
  release(): void {
    this.#socket = null;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, written: (error?: Error | null) => void): void {
    this.switched = !this.#answered && chunk.toString('latin1', 0, 13) === 'HTTP/1.1 101 ' && chunk.subarray(-4).equals(END_OF_HEADERS);
    this.#answered = true;
    this.#socket?.write(chunk);
    written();
  }

  override _final(ended: (error?: Error | null) => void): void {
    if (this.#socket === null) ended();
    else this.#socket.end(() => ended());
  }

  override _destroy(error: Error | null, destroyed: (error?: Error | null) => void): void {
    this.#socket?.destroy();
    destroyed(error);
  }
}
