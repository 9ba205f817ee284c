import { connect, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import { PINGREQ, PINGRESP } from './packets.js';

const TIMEOUT_MS = 5000;

/** What a wire client needs of TCP or WebSocket. */
interface Carrier {
  write(bytes: Buffer): void;
  end(): void;
  reset(): void;
}

/** Turns hexadecimal text into bytes. White space is for the eye, and so is whatever follows a `;` or `//` up to the end of its line. */
export function fromHex(text: string): Buffer {
  const compact = text.replaceAll(/(?:;|\/\/)[^\n]*/g, '').replaceAll(/\s/g, '');
  if (compact.length % 2 !== 0 || /[^0-9a-fA-F]/.test(compact)) throw new Error(`not hexadecimal: ${text}`);
  return Buffer.from(compact, 'hex');
}

/** Bytes as text that `send` and `expect` understand. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex').match(/../g)?.join(' ') ?? '';
}

/** A client that knows bytes and nothing else: it sends what it is told and compares what comes. */
export class WireClient {
  readonly #carrier: Carrier;
  #received: Buffer = Buffer.alloc(0);
  #ending: string | null = null;
  #changed: () => void = () => {};

  constructor(carrier: (client: WireClient) => Carrier) {
    this.#carrier = carrier(this);
  }

  /** Connects over TCP. */
  static async connect(port: number, host = '127.0.0.1'): Promise<WireClient> {
    const socket = connect({ port, host, noDelay: true });
    const client = new WireClient((self) => self.#overTcp(socket));
    await withTimeout(`a TCP connection to ${host}:${port}`, (resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return client;
  }

  /** Speaks over a socket that is being connected: TLS, a Unix socket, or TCP on which something was sent before. */
  static async over(socket: Socket, event: 'connect' | 'secureConnect' = 'connect'): Promise<WireClient> {
    const client = new WireClient((self) => self.#overTcp(socket));
    await withTimeout('a connection', (resolve, reject) => {
      socket.once(event, resolve);
      socket.once('error', reject);
    });
    return client;
  }

  /** Connects over WebSocket, with the subprotocol `mqtt` unless told otherwise; each `send` is one binary message. */
  static async connectWebSocket(
    url: string,
    options: { readonly protocol?: string; readonly origin?: string; readonly ca?: string; readonly createConnection?: () => Socket } = {},
  ): Promise<WireClient> {
    const { protocol = 'mqtt', ...more } = options;
    const socket = new WebSocket(url, protocol === '' ? [] : [protocol], more);
    const client = new WireClient((self) => self.#overWebSocket(socket));
    await withTimeout(`a WebSocket connection to ${url}`, (resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return client;
  }

  /** How the connection ended, or null while it is open. */
  get ending(): string | null {
    return this.#ending;
  }

  /** Bytes that came and were not read yet, as text. */
  get unread(): string {
    return toHex(this.#received);
  }

  send(bytes: string | Uint8Array): void {
    this.#carrier.write(typeof bytes === 'string' ? fromHex(bytes) : Buffer.from(bytes));
  }

  /** The next `count` bytes. */
  async read(count: number, what = `${count} bytes`): Promise<Buffer> {
    await this.#until(what, () => this.#received.length >= count || this.#ending !== null);
    if (this.#received.length < count) throw new Error(`awaited ${what}, but the connection ended (${this.#ending}) after [${this.unread}]`);
    const taken = this.#received.subarray(0, count);
    this.#received = this.#received.subarray(count);
    return taken;
  }

  /** The next whole packet, as text. */
  async readPacket(what = 'a packet'): Promise<string> {
    let head = await this.read(2, what);
    while (((head.at(-1) ?? 0) & 0x80) !== 0) head = Buffer.concat([head, await this.read(1, what)]);
    let length = 0;
    for (const [index, value] of head.subarray(1).entries()) length += (value & 0x7f) * 128 ** index;
    return toHex(Buffer.concat([head, await this.read(length, what)]));
  }

  /** Waits for exactly these bytes. */
  async expect(expected: string): Promise<void> {
    const wanted = fromHex(expected);
    // On an early end or an early difference the whole of what came is shown, not the time-out of a longer wait.
    await this.#until(`[${toHex(wanted)}]`, () => {
      const common = Math.min(this.#received.length, wanted.length);
      return (
        this.#received.length >= wanted.length || this.#ending !== null || !this.#received.subarray(0, common).equals(wanted.subarray(0, common))
      );
    });
    const came = this.#received.subarray(0, wanted.length);
    if (!came.equals(wanted)) {
      const ending = this.#ending === null ? '' : `, then the connection ended (${this.#ending})`;
      throw new Error(`awaited [${toHex(wanted)}]\n   came [${toHex(this.#received.subarray(0, wanted.length + 64))}]${ending}`);
    }
    this.#received = this.#received.subarray(wanted.length);
  }

  /** Waits for these packets in any order. */
  async expectAnyOrder(...expected: readonly string[]): Promise<void> {
    const came: string[] = [];
    for (const _ of expected) came.push(await this.readPacket(`${expected.length} packets, of which ${came.length} came`));
    const wanted = expected.map((text) => toHex(fromHex(text)));
    if ([...came].sort().join('\n') !== [...wanted].sort().join('\n')) {
      throw new Error(`awaited in any order:\n  ${wanted.join('\n  ')}\ncame:\n  ${came.join('\n  ')}`);
    }
  }

  /** Waits for the peer to end the connection, and fails if it said anything before. */
  async expectClosed(): Promise<void> {
    await this.#until('the end of the connection', () => this.#ending !== null);
    if (this.#received.length > 0) throw new Error(`awaited the end of the connection without a byte, came [${this.unread}]`);
  }

  /**
   * Fails if anything comes. On a connection that was accepted, a ping and its answer prove it without waiting: whatever the broker had to
   * say, it said before. Where a ping is not possible, give the milliseconds to wait.
   */
  async silence(waitMs?: number): Promise<void> {
    if (waitMs === undefined) {
      this.send(PINGREQ);
      await this.expect(PINGRESP);
    } else {
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
    if (this.#received.length > 0) throw new Error(`awaited silence, came [${this.unread}]`);
    if (this.#ending !== null) throw new Error(`awaited silence, the connection ended (${this.#ending})`);
  }

  /** Ends the connection in good order: FIN over TCP, a close frame over WebSocket. */
  close(): void {
    this.#carrier.end();
  }

  /** Breaks the connection: RST over TCP, as when the power goes. */
  reset(): void {
    this.#carrier.reset();
  }

  #overTcp(socket: Socket): Carrier {
    socket.on('data', (bytes) => this.#arrived(bytes));
    socket.on('end', () => this.#ended('closed by the peer'));
    socket.on('error', (error) => this.#ended(error.message));
    socket.on('close', () => this.#ended('closed'));
    // Node loses a socket that is reset after its end was sent: it would keep the process alive.
    const reset = (): unknown => (socket.writableEnded ? socket.destroy() : socket.resetAndDestroy());
    return { write: (bytes) => socket.write(bytes), end: () => socket.end(), reset };
  }

  #overWebSocket(socket: WebSocket): Carrier {
    socket.on('message', (data, isBinary) => {
      if (isBinary) this.#arrived(Buffer.concat(Array.isArray(data) ? data : [Buffer.from(data as ArrayBuffer)]));
      else this.#ended('a text frame came');
    });
    socket.on('error', (error) => this.#ended(error.message));
    socket.on('close', (code) => this.#ended(`WebSocket close ${code}`));
    return { write: (bytes) => socket.send(bytes), end: () => socket.close(), reset: () => socket.terminate() };
  }

  #arrived(bytes: Buffer): void {
    this.#received = Buffer.concat([this.#received, bytes]);
    this.#changed();
  }

  #ended(how: string): void {
    this.#ending ??= how;
    this.#changed();
  }

  async #until(what: string, reached: () => boolean): Promise<void> {
    if (reached()) return;
    try {
      await withTimeout(what, (resolve) => {
        this.#changed = () => {
          if (reached()) resolve();
        };
      });
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}; came [${this.unread}]`);
    }
  }
}

function withTimeout(what: string, start: (resolve: () => void, reject: (error: Error) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`awaited ${what} for ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
    start(
      () => {
        clearTimeout(timer);
        resolve();
      },
      (error) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
