import type { Duplex } from 'node:stream';

/**
 * The reading half of a socket that may be paused. Node tells of the end of a socket also while it is paused; but packets that wait for an answer
 * are handled first, for the peer may have said goodbye in them.
 */
export class SocketReading {
  readonly #socket: Duplex;
  #paused = false;
  /** What waits until the socket is read again. */
  #waiting: (() => void)[] = [];

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#socket.resume();
    if (this.#waiting.length === 0) return;
    for (const work of this.#waiting) process.nextTick(() => this.whenRead(work));
    this.#waiting = [];
  }

  /** Does it now, or once the socket is read again. */
  whenRead(work: () => void): void {
    if (this.#paused) this.#waiting.push(work);
    else work();
  }
}
