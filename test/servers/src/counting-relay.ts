import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';

const EXECUTE = 'E'.charCodeAt(0);
/** How an answer to an Execute ends: CommandComplete, EmptyQueryResponse, PortalSuspended, ErrorResponse. */
const ENDS = new Set([...'CIsE'].map((type) => type.charCodeAt(0)));

/** Tells the type of each message of one direction; the first one of a client has none, all others have a type and a length. */
function messageTypes(isOfClient: boolean, tell: (type: number) => void): (bytes: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  let hasType = !isOfClient;
  return (bytes) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    for (;;) {
      const lengthAt = hasType ? 1 : 0;
      if (rest.length < lengthAt + 4) return;
      const end = lengthAt + rest.readUInt32BE(lengthAt);
      if (rest.length < end) return;
      if (hasType) tell(rest[0] ?? 0);
      hasType = true;
      rest = rest.subarray(end);
    }
  };
}

/** Stands between clients and a PostgreSQL server, without TLS, and counts what the server is asked to execute: statements that were prepared. */
export class CountingRelay {
  executed = 0;
  /** The most that was asked and not answered at one time, on all connections together. */
  mostAtOnce = 0;
  readonly port: number;
  readonly #close: () => void;

  private constructor(port: number, close: () => void) {
    this.port = port;
    this.#close = close;
  }

  static async open(target: { readonly host: string; readonly port: number }): Promise<CountingRelay> {
    const sockets = new Set<Socket>();
    let atOnce = 0;
    const server = createServer((client) => {
      const upstream = createConnection(target.port, target.host);
      let open = 0;
      const asked = messageTypes(true, (type) => {
        if (type !== EXECUTE) return;
        relay.executed += 1;
        open += 1;
        atOnce += 1;
        relay.mostAtOnce = Math.max(relay.mostAtOnce, atOnce);
      });
      const answered = messageTypes(false, (type) => {
        // An error may also be that of a statement that was never executed.
        if (!ENDS.has(type) || open === 0) return;
        open -= 1;
        atOnce -= 1;
      });
      client.on('data', asked);
      upstream.on('data', answered);
      upstream.on('close', () => {
        atOnce -= open;
        open = 0;
      });
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        sockets.add(from);
        from.on('error', () => to.destroy());
        from.on('close', () => {
          sockets.delete(from);
          to.destroy();
        });
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
