import { connect, type Socket } from 'node:net';
import { connect5, connect311 } from '../support/packets.js';
import { fromHex } from '../support/wire-client.js';

const OPEN_MS = 20_000;

export interface LineOptions {
  readonly port: number;
  /** Address to come from; the whole of 127.0.0.0/8 is this machine's. */
  readonly from?: string;
}

/** A TCP connection of an attacker: counts what comes, and does not fail when it is cut. */
export class Line {
  readonly socket: Socket;
  /** Bytes that came, and the first and the last few of them. */
  received = 0;
  head: Buffer = Buffer.alloc(0);
  tail: Buffer = Buffer.alloc(0);
  closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
    });
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.length;
      if (this.head.length < 16) this.head = Buffer.concat([this.head, chunk]).subarray(0, 16);
      this.tail = Buffer.concat([this.tail, chunk.subarray(-16)]).subarray(-16);
    });
  }

  /** Opens a connection and sends nothing; null when it is not let in. */
  static async open({ port, from }: LineOptions): Promise<Line | null> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, ...(from === undefined ? {} : { localAddress: from }) });
    const line = new Line(socket);
    const opened = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('close', () => resolve(false));
    });
    return opened ? line : null;
  }

  /** A client with an open connection, all its rights and nothing subscribed; throws when it is refused. */
  static async client(options: LineOptions, clientId: string, version: 4 | 5 = 4, properties = ''): Promise<Line> {
    const line = await Line.open(options);
    if (line === null) throw new Error(`${clientId} was not let in`);
    const fields = { clientId, username: 'amy', password: 'p' };
    line.socket.write(fromHex(version === 5 ? connect5({ ...fields, properties }) : connect311(fields)));
    const timeout = setTimeout(() => line.end(), OPEN_MS);
    while (line.received < 4 && !line.closed) await line.either('data', 'close');
    clearTimeout(timeout);
    if (line.head[0] !== 0x20 || line.head[3] !== 0) throw new Error(`${clientId} was refused: ${line.head.toString('hex')}`);
    return line;
  }

  /** Writes, and waits until the peer has taken most of it or the connection is gone. */
  async send(bytes: Buffer): Promise<void> {
    if (this.closed || this.socket.write(bytes)) return;
    await this.either('drain', 'close');
  }

  /** Waits for the first of these, and leaves no listeners behind. */
  either(...events: readonly string[]): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        for (const event of events) this.socket.off(event, done);
        resolve();
      };
      for (const event of events) this.socket.on(event, done);
    });
  }

  /** The same for so many milliseconds at most. */
  eitherWithin(limitMs: number, ...events: readonly string[]): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        for (const event of events) this.socket.off(event, done);
        resolve();
      };
      const timer = setTimeout(done, limitMs);
      for (const event of events) this.socket.on(event, done);
    });
  }

  /** Reads nothing any more. */
  stall(): void {
    this.socket.pause();
  }

  /** Waits for the other side to close; false when it does not within so many milliseconds. */
  async gone(limitMs: number): Promise<boolean> {
    if (this.closed) return true;
    await Promise.race([this.either('close'), sleep(limitMs)]);
    return this.closed;
  }

  /** Reason code of the DISCONNECT that came last, or null. */
  get disconnectCode(): number | null {
    for (let at = this.tail.length - 3; at >= 0; at -= 1) {
      if (this.tail[at] === 0xe0 && at + 2 + (this.tail[at + 1] as number) === this.tail.length) return this.tail[at + 2] as number;
    }
    return null;
  }

  end(): void {
    this.socket.destroy();
  }
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
