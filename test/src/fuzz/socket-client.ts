import { connect, type Socket } from 'node:net';

const TIMEOUT_MS = 20_000;

/** A TCP connection whose answers are counted and thrown away, or not even read. */
export class SocketClient {
  readonly socket: Socket;
  bytes = 0;
  closed = false;
  #data: (chunk: Buffer) => void = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      this.bytes += chunk.length;
      this.#data(chunk);
    });
    socket.on('close', () => {
      this.closed = true;
    });
  }

  static async open(port: number, data: (chunk: Buffer) => void = () => {}): Promise<SocketClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const client = new SocketClient(socket);
    client.#data = data;
    await first(socket, ['connect', 'close']);
    if (client.closed) throw new Error('the broker does not take connections');
    return client;
  }

  /** Sends, and waits until the kernel has taken it or the connection is over. */
  send(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => this.socket.write(bytes, () => resolve()));
  }

  /** Waits until something came back or the connection is over. */
  async answered(): Promise<void> {
    if (this.bytes > 0 || this.closed) return;
    await first(this.socket, ['data', 'close']);
  }

  /** Ends in good order, behind everything that was sent, and waits for the broker to do the same. */
  async end(): Promise<void> {
    if (this.closed) return;
    const gone = first(this.socket, ['close']);
    this.socket.end();
    await gone;
  }

  /** Breaks the connection and waits until it is gone. */
  async reset(): Promise<void> {
    if (this.closed) return;
    const gone = first(this.socket, ['close']);
    this.socket.resetAndDestroy();
    await gone;
  }
}

/** Waits for the first of these events. */
function first(socket: Socket, events: readonly ('connect' | 'close' | 'data')[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (error?: Error): void => {
      clearTimeout(timer);
      for (const event of events) socket.off(event, came);
      if (error === undefined) resolve();
      else reject(error);
    };
    const came = (): void => finish();
    const timer = setTimeout(() => finish(new Error(`awaited ${events.join(' or ')} for ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
    for (const event of events) socket.on(event, came);
  });
}
