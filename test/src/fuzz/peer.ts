import { EventEmitter } from 'node:events';

let nextPort = 1;

/** The far end of a connection, and at the same time the socket that the broker has of it. */
export class Peer extends EventEmitter {
  readonly remoteAddress: string;
  readonly remotePort: number;
  destroyed = false;
  /** Bytes that the peer has not read. */
  writableLength = 0;
  /** What the broker has stopped reading. */
  paused = false;
  /** The broker will not write any more. */
  ended = false;
  #output: Buffer[] = [];
  #stalled = false;
  #unread: Buffer[] = [];
  #sent: Buffer[] = [];

  constructor(remoteAddress = '127.0.0.1') {
    super();
    this.remoteAddress = remoteAddress;
    this.remotePort = nextPort;
    nextPort = (nextPort % 65_535) + 1;
  }

  /** Bytes that the broker would not read yet. */
  get waiting(): number {
    return this.#sent.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  /** Sends; the broker reads it in the next turn, unless it has stopped reading. */
  send(bytes: Buffer): void {
    this.#sent.push(bytes);
  }

  deliver(): void {
    while (!this.paused && !this.destroyed && this.#sent.length > 0) {
      const chunk = Buffer.from(this.#sent.shift() as Buffer);
      this.emit('data', chunk);
      // The bytes are the socket's again: whoever kept them by reference keeps nonsense.
      chunk.fill(0xdb);
    }
  }

  /** Takes what came. */
  take(): Buffer {
    const taken = this.#output.length === 1 ? (this.#output[0] as Buffer) : Buffer.concat(this.#output);
    this.#output = [];
    return taken;
  }

  /** Reads nothing until `drain`. */
  stall(): void {
    this.#stalled = true;
  }

  /** Reads on. */
  drain(): void {
    this.#stalled = false;
    this.#output.push(...this.#unread);
    this.#unread = [];
    this.writableLength = 0;
    if (!this.destroyed) this.emit('drain');
  }

  /** The connection breaks. */
  disappear(error?: Error): void {
    this.#close(error);
  }

  write(buffer: Buffer): boolean {
    // Copied: a buffer that was taken at once is used again.
    const copy = Buffer.from(buffer);
    if (!this.#stalled) {
      this.#output.push(copy);
      return true;
    }
    this.#unread.push(copy);
    this.writableLength += copy.length;
    return false;
  }

  cork(): void {}

  uncork(): void {}

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  end(): void {
    this.ended = true;
  }

  destroy(): void {
    this.#close();
  }

  #close(error?: Error): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.ended = true;
    if (error !== undefined) this.emit('error', error);
    this.emit('close');
  }
}
