import type { Socket } from 'node:net';
import { WheelTimer } from '../clock.js';
import { type Stranger, strangerOf } from '../connection/index.js';
import type { ListenerRoom } from './listener.js';
import type { Arrival } from './socket-transport.js';

const LOOK_MS = 250;

interface Handshake {
  readonly stranger: Stranger;
  readonly failed: (detail: string) => void;
}

/**
 * Bounds what peers send during their handshakes, each and all together. OpenSSL keeps a message until it is whole, and takes one of 128 KiB from
 * anybody; nothing tells us of bytes that it has read, so they are looked at four times a second while there are handshakes at all.
 */
export class HandshakeBytes {
  readonly #room: ListenerRoom;
  readonly #handshakes = new Map<Socket, Handshake>();
  readonly #timer = new WheelTimer(() => this.#look());

  constructor(room: ListenerRoom) {
    this.#room = room;
  }

  /** A handshake begins; `failed` is told why its socket is closed. */
  begin(socket: Socket, info: Arrival['info'], failed: (detail: string) => void): void {
    const stranger = strangerOf(info);
    if (stranger === null) return;
    this.#handshakes.set(socket, { stranger, failed });
    if (!this.#timer.scheduled) this.#room.connections.wheel.schedule(this.#timer, LOOK_MS);
  }

  /** It is over, one way or the other. */
  end(socket: Socket): void {
    if (this.#handshakes.delete(socket) && this.#handshakes.size === 0) this.#room.connections.wheel.cancel(this.#timer);
  }

  #look(): void {
    const { limits, strangers, stats, wheel } = this.#room.connections;
    for (const [socket, { stranger, failed }] of this.#handshakes) {
      const { bytesRead } = socket;
      const isTooLong = bytesRead > limits.maxTlsHandshakeBytes;
      if (isTooLong) stats.closedPreAuthBytes += 1;
      else if (strangers.hold(stranger, bytesRead)) continue;
      this.#handshakes.delete(socket);
      failed(isTooLong ? 'the handshake is longer than maxTlsHandshakeBytes' : 'too much is kept of all that are not accepted yet');
      socket.destroy();
    }
    if (this.#handshakes.size > 0) wheel.schedule(this.#timer, LOOK_MS);
  }
}
