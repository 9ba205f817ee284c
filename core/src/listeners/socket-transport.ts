import type { Socket } from 'node:net';
import type { ConnectionInfo } from '@portcullis/sdk';
import { openConnection, type Transport } from '../connection/index.js';
import type { Doorkeeper } from './doorkeeper.js';
import { type InForce, LINGER_MS, type ListenerRoom } from './listener.js';

/** Carries MQTT over a socket that was accepted. */
export function acceptSocket(room: ListenerRoom, inForce: InForce, doorkeeper: Doorkeeper, socket: Socket): void {
  // Before anything else: a socket without a listener for its errors would end the process.
  socket.on('error', () => {});
  const info = doorkeeper.admit('tcp', socket.remoteAddress, socket.remotePort, socket);
  if (info === null) {
    socket.destroy();
    return;
  }
  const connection = openConnection(room.connections, new SocketTransport(socket, info, room), inForce.options.chain);
  const gone = room.opened(connection);
  let failure: Error | null = null;
  socket.on('error', (error) => {
    failure = error;
  });
  socket.on('data', (chunk: Buffer) => connection.received(chunk));
  socket.on('drain', () => connection.drained());
  socket.on('close', () => {
    doorkeeper.left(info);
    connection.closed(failure);
    gone();
  });
}

class SocketTransport implements Transport {
  readonly info: ConnectionInfo;
  readonly tls = null;
  readonly #socket: Socket;
  readonly #room: ListenerRoom;

  constructor(socket: Socket, info: ConnectionInfo, room: ListenerRoom) {
    this.#socket = socket;
    this.info = info;
    this.#room = room;
  }

  write(buffer: Buffer, _slab: Buffer | null): boolean {
    const { stats } = this.#room.connections;
    stats.bytesSent += buffer.length;
    this.#socket.write(buffer);
    return this.#socket.writableLength === 0;
  }

  writeAll(buffers: readonly Buffer[]): void {
    this.#socket.cork();
    for (const buffer of buffers) this.write(buffer, null);
    this.#socket.uncork();
  }

  get buffered(): number {
    return this.#socket.writableLength;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(_peerIsDone: boolean): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    socket.end();
    // Closing with unread bytes would reset the connection, and the peer might never see why it was closed: they are read and thrown away.
    socket.resume();
    const timer = this.#room.connections.wheel.after(LINGER_MS, () => socket.destroy());
    socket.once('close', () => this.#room.connections.wheel.cancel(timer));
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
