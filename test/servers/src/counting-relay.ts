import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';

const EXECUTE = 'E'.charCodeAt(0);

/** Counts the Execute messages of one connection: after the first message, which has no type, each has a type and a length. */
function counter(executed: () => void): (bytes: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  let hasStarted = false;
  return (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    for (;;) {
      const lengthAt = hasStarted ? 1 : 0;
      if (rest.length < lengthAt + 4) return;
      const end = lengthAt + rest.readUInt32BE(lengthAt);
      if (rest.length < end) return;
      if (hasStarted && rest[0] === EXECUTE) executed();
      hasStarted = true;
      rest = rest.subarray(end);
    }
  };
}

/** Stands between a client and a PostgreSQL server and counts what the server is asked to execute, statements that were prepared. */
export class CountingRelay {
  executed = 0;
  readonly port: number;
  readonly #close: () => void;

  private constructor(port: number, close: () => void) {
    this.port = port;
    this.#close = close;
  }

  static async open(target: { readonly host: string; readonly port: number }): Promise<CountingRelay> {
    const sockets = new Set<Socket>();
    const server = createServer((client) => {
      const upstream = createConnection(target.port, target.host);
      client.on(
        'data',
        counter(() => {
          relay.executed += 1;
        }),
      );
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        sockets.add(from);
        from.on('error', () => to.destroy());
        from.on('close', () => to.destroy());
        from.pipe(to);
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const relay = new CountingRelay((server.address() as AddressInfo).port, () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return relay;
  }

  close(): void {
    this.#close();
  }
}
