import type { Duplex } from 'node:stream';
import type { ConnectionInfo, TlsEvidence } from '@portcullis/sdk';
import type { Connection, Transport } from '../connection/index.js';
import { ERRORS } from '../errors.js';
import { LINGER_MS, type ListenerRoom } from './listener.js';
import { SocketReading } from './socket-reading.js';
import { type Arrival, carry } from './socket-transport.js';
import { CloseCode, closeFrame, FrameWriter, pongFrame } from './web-socket-frames.js';
import { type FrameEnd, FrameReader } from './web-socket-reader.js';

const writer = new FrameWriter();

/** Opens a connection over a socket that has been upgraded. `head` is what came behind the request. */
export function openWebSocket(room: ListenerRoom, chain: string, socket: Duplex, head: Buffer, arrival: Omit<Arrival, 'socket'>): void {
  const transport = new WebSocketTransport(socket, arrival, room);
  carry(room, chain, socket, transport, arrival.settled, (connection, chunk) => transport.received(connection, chunk));
  if (head.length > 0) socket.unshift(head);
}

/** MQTT in binary frames, RFC 6455. */
class WebSocketTransport implements Transport {
  readonly info: ConnectionInfo;
  readonly tls: TlsEvidence | null;
  readonly acceptedAt: number;
  readonly #socket: Duplex;
  readonly #room: ListenerRoom;
  readonly #reader: FrameReader;
  /** What a close frame of ours says. */
  #closeCode: number | null = CloseCode.NORMAL;
  #closeSent = false;
  readonly #reading: SocketReading;
  /** Bytes of a stranger; -1 once it is none. */
  #strangerBytes = 0;
  /** Whether a pong is on its way out, and what the next one carries. One each is kept, however many pings come. */
  #ponging = false;
  #nextPong: Buffer | null = null;

  constructor(socket: Duplex, { info, tls, acceptedAt }: Omit<Arrival, 'socket'>, room: ListenerRoom) {
    this.#socket = socket;
    this.info = info;
    this.tls = tls;
    this.acceptedAt = acceptedAt;
    this.#reading = new SocketReading(socket);
    this.#room = room;
    this.#reader = new FrameReader(room.connections.limits.maxWebSocketFrameBytes);
  }

  received(connection: Connection, chunk: Buffer): void {
    if (this.#strangerBytes >= 0 && this.#isTooMuch(connection, chunk.length)) return;
    // What follows a close frame or a fault is not looked at.
    if (this.#reader.end !== null) return;
    const payload = this.#reader.read(chunk);
    if (this.#reader.ping !== null) this.#pong(this.#reader.ping);
    if (payload.length > 0) connection.received(payload);
    if (this.#reader.end !== null) this.#framesEnded(connection, this.#reader.end);
  }

  /** The peer has said its last. */
  endedByPeer(connection: Connection): void {
    this.#reading.whenRead(() => {
      if (!connection.ended()) return;
      // If the connection was closed before, its close frame waited for this.
      this.#socket.end();
    });
  }

  write(buffer: Buffer): boolean {
    return this.#write([buffer], buffer.length);
  }

  writeAll(buffers: readonly Buffer[]): void {
    let bytes = 0;
    for (const buffer of buffers) bytes += buffer.length;
    this.#write(buffers, bytes);
  }

  get buffered(): number {
    return this.#socket.writableLength;
  }

  pause(): void {
    if (this.#closeSent) return;
    this.#reading.pause();
  }

  resume(): void {
    this.#reading.resume();
  }

  end(): void {
    const socket = this.#socket;
    if (this.#closeSent || socket.destroyed) return;
    this.#closeSent = true;
    this.#nextPong = null;
    socket.write(closeFrame(this.#closeCode));
    // Its close frame came already, and so did its end.
    if (socket.readableEnded) socket.end();
    // What the peer still sends is read: its close frame may be among it, and closing with unread bytes would reset the connection.
    this.resume();
    const timer = this.#room.connections.wheel.after(LINGER_MS, () => socket.destroy());
    socket.once('close', () => this.#room.connections.wheel.cancel(timer));
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #write(buffers: readonly Buffer[], bytes: number): boolean {
    if (this.#closeSent) return false;
    this.#room.connections.stats.bytesSent += bytes;
    writer.write(this.#socket, buffers, bytes);
    return this.#socket.writableLength === 0;
  }

  /** The peer closed, or broke the protocol of frames. */
  #framesEnded(connection: Connection, end: FrameEnd): void {
    if (!this.#closeSent) this.#closeCode = end.code;
    if (end.fault === null) return this.endedByPeer(connection);
    connection.fail(end.code === CloseCode.TOO_BIG ? ERRORS.tooLarge : ERRORS.protocol, end.fault);
    this.#socket.end();
  }

  #pong(payload: Buffer): void {
    if (this.#closeSent) return;
    if (this.#ponging) {
      this.#nextPong = payload;
      return;
    }
    this.#ponging = true;
    this.#socket.write(pongFrame(payload), () => {
      const next = this.#nextPong;
      this.#ponging = false;
      this.#nextPong = null;
      if (next !== null) this.#pong(next);
    });
  }

  /**
   * Bounds what a stranger sends in all, in frames of any kind: what waits is bounded by the connection, but frames without payload never come
   * there. Framing may double what the limit means.
   */
  #isTooMuch(connection: Connection, bytes: number): boolean {
    if (connection.client !== null) {
      this.#strangerBytes = -1;
      return false;
    }
    this.#strangerBytes += bytes;
    if (this.#strangerBytes <= this.#room.connections.limits.preAuthBytes * 2) return false;
    connection.fail(ERRORS.preAuthBytes, 'too much was sent before the CONNECT was accepted');
    this.destroy();
    return true;
  }
}
