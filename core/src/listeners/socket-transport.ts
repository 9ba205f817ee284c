import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { ConnectionInfo, TlsEvidence } from '@portcullis/sdk';
import { type Connection, openConnection, type Transport } from '../connection/index.js';
import { LINGER_MS, type ListenerRoom } from './listener.js';
import { SocketReading } from './socket-reading.js';

/** A socket that was let in, ready to carry MQTT or HTTP: a TLS one has its handshake behind it. */
export interface Arrival {
  readonly socket: Socket;
  readonly info: ConnectionInfo;
  readonly tls: TlsEvidence | null;
  /** When the socket was accepted, in monotonic milliseconds; every deadline before the CONNACK counts from there. */
  readonly acceptedAt: number;
  /** To be called when a connection looks after the socket; until then the deadline closes it. */
  readonly settled: (connection: Connection) => void;
}

/** A transport over a socket that is told of the end of its peer. */
interface SocketBound extends Transport {
  endedByPeer(connection: Connection): void;
}

/** Opens a connection over a socket, and tells it what happens there. `received` takes what comes in. */
export function carry(
  room: ListenerRoom,
  chain: string,
  socket: Duplex,
  transport: SocketBound,
  settled: Arrival['settled'],
  received: (connection: Connection, chunk: Buffer) => void,
): void {
  const connection = openConnection(room.connections, transport, chain);
  const gone = room.opened(connection);
  settled(connection);
  // Half-open until the connection is over: a peer that has said its last may still wait for an answer, and what it said for its turn.
  socket.allowHalfOpen = true;
  let failure: Error | null = null;
  socket.on('error', (error) => {
    failure = error;
  });
  socket.on('data', (chunk: Buffer) => received(connection, chunk));
  socket.on('drain', () => connection.drained());
  socket.on('end', () => transport.endedByPeer(connection));
  socket.on('close', () => {
    connection.closed(failure);
    gone();
  });
}

/** Carries MQTT over a socket from now on. */
export function serveMqtt(room: ListenerRoom, chain: string, arrival: Arrival): void {
  carry(room, chain, arrival.socket, new SocketTransport(arrival, room), arrival.settled, (connection, chunk) => connection.received(chunk));
}

/** Up to this size a copy costs less than a buffer that cannot be used again. */
const COPIED_BYTES = 4096;

/** The stream of a socket of any kind: TCP, TLS, Unix. */
export class SocketTransport implements Transport {
  readonly info: ConnectionInfo;
  readonly tls: TlsEvidence | null;
  readonly acceptedAt: number;
  readonly #socket: Socket;
  readonly #room: ListenerRoom;
  readonly #encrypted: boolean;
  readonly #reading: SocketReading;

  constructor({ socket, info, tls, acceptedAt }: Omit<Arrival, 'settled'>, room: ListenerRoom) {
    this.#socket = socket;
    this.#room = room;
    this.#encrypted = socket instanceof TLSSocket;
    this.#reading = new SocketReading(socket);
    this.info = info;
    this.tls = tls;
    this.acceptedAt = acceptedAt;
  }

  write(buffer: Buffer): boolean {
    const { stats } = this.#room.connections;
    stats.bytesSent += buffer.length;
    // TLS never says at once that a write is done, whatever the kernel took: each small packet would cost the caller a large buffer.
    if (this.#encrypted && buffer.length <= COPIED_BYTES) {
      this.#socket.write(Buffer.from(buffer));
      return true;
    }
    this.#socket.write(buffer);
    return this.#socket.writableLength === 0;
  }

  writeAll(buffers: readonly Buffer[]): void {
    this.#socket.cork();
    for (const buffer of buffers) this.write(buffer);
    this.#socket.uncork();
  }

  get buffered(): number {
    return this.#socket.writableLength;
  }

  pause(): void {
    this.#reading.pause();
  }

  resume(): void {
    this.#reading.resume();
  }

  /** The peer has said its last. */
  endedByPeer(connection: Connection): void {
    this.#reading.whenRead(() => {
      if (!connection.ended()) return;
      // If the connection was closed before, nobody else ends the socket.
      this.#socket.end();
    });
  }

  end(): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    socket.end();
    // Closing with unread bytes would reset the connection, and the peer might never see why it was closed: they are read and thrown away.
    this.#reading.resume();
    const timer = this.#room.connections.wheel.after(LINGER_MS, () => socket.destroy());
    socket.once('close', () => this.#room.connections.wheel.cancel(timer));
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
