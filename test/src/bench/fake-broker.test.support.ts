import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

/** A PUBLISH on its way through the fake: whole packet, and where the number of the message stands. */
export interface Passing {
  readonly bytes: Buffer;
  /** How many have come before it. */
  readonly count: number;
}

/** What a broker does with a message: the packets that its subscribers get, in order. */
export type Treatment = (passing: Passing) => readonly Buffer[];

export const HONEST: Treatment = ({ bytes }) => [bytes];

export interface FakeOptions {
  readonly treatment?: Treatment;
  readonly connackCode?: number;
  readonly subackCode?: number;
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Ends the connection that brings this message. */
  readonly hangUpAt?: number;
  /** Any free one unless told. */
  readonly port?: number;
}

/** Just enough of a broker: every message goes to every subscriber with QoS 0, after whatever the treatment makes of it. */
export class FakeBroker {
  readonly #options: FakeOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #subscribers = new Set<Socket>();
  #count = 0;

  private constructor(options: FakeOptions) {
    this.#options = options;
    const accept = (socket: Socket): void => this.#accept(socket);
    this.#server = options.tls === undefined ? createServer(accept) : createTlsServer(options.tls, accept);
  }

  static start(options: FakeOptions = {}): Promise<FakeBroker> {
    const broker = new FakeBroker(options);
    return new Promise((resolve) => broker.#server.listen(options.port ?? 0, '127.0.0.1', () => resolve(broker)));
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    let waiting = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#subscribers.delete(socket);
    });
    socket.on('data', (bytes: Buffer) => {
      waiting = Buffer.concat([waiting, bytes]);
      for (let length = packetLength(waiting); length > 0 && length <= waiting.length; length = packetLength(waiting)) {
        const packet = waiting.subarray(0, length);
        waiting = waiting.subarray(length);
        this.#packet(socket, packet);
      }
    });
  }

  #packet(socket: Socket, packet: Buffer): void {
    const { connackCode = 0, subackCode, treatment = HONEST, hangUpAt = -1 } = this.#options;
    const type = (packet[0] ?? 0) >> 4;
    if (type === 1) socket.write(Buffer.from([0x20, 2, 0, connackCode]));
    else if (type === 8) {
      // Test clients have one filter each.
      this.#subscribers.add(socket);
      socket.write(Buffer.from([0x90, 3, packet[2] ?? 0, packet[3] ?? 0, subackCode ?? packet.at(-1) ?? 0]));
    } else if (type === 3) {
      const count = this.#count++;
      if (count === hangUpAt) socket.destroy();
      for (const copy of treatment({ bytes: Buffer.from(packet), count })) for (const subscriber of this.#subscribers) subscriber.write(copy);
    }
  }
}

/** Length of the first packet, 0 while its head is not complete; the fake takes lengths of one and two bytes. */
function packetLength(bytes: Buffer): number {
  const [, low = 0, high = 0] = bytes;
  if (bytes.length < 2 || (low >= 0x80 && bytes.length < 3)) return 0;
  return low < 0x80 ? 2 + low : 3 + (low & 0x7f) + high * 128;
}
