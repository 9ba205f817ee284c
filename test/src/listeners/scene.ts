import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { type BrokerOptions, BrokerProcess, type FolderFiles, standardFiles } from '../support/broker-process.js';
import { type ConnectFields, connect311 } from '../support/packets.js';
import { fromHex, WireClient } from '../support/wire-client.js';

export const ACL = 'user alice\ntopic readwrite t/#\n';
export const LOGIN: ConnectFields = { clientId: 'c', username: 'alice', password: 'secret' };
export const ACCEPTED = '20 02 00 00';
const WAIT_MS = 10_000;

/** The files of a broker with these listeners, for the user alice with the password `secret`. */
export function filesWith(
  listeners: Readonly<Record<string, object>>,
  files: FolderFiles = {},
  more: Readonly<Record<string, unknown>> = {},
): FolderFiles {
  const chained = Object.fromEntries(Object.entries(listeners).map(([name, listener]) => [name, { chain: 'default', ...listener }]));
  return { ...standardFiles({ alice: 'secret' }, ACL, { listeners: chained, ...more }), ...files };
}

export function startWith(
  listeners: Readonly<Record<string, object>>,
  files: FolderFiles = {},
  options: BrokerOptions & { readonly more?: Readonly<Record<string, unknown>> } = {},
): Promise<BrokerProcess> {
  const { more, ...rest } = options;
  return BrokerProcess.start({ ...rest, files: filesWith(listeners, files, more) });
}

/** How the broker of these tests is reached by TLS: it calls itself localhost. */
export function tlsOptions(port: number, options: ConnectionOptions = {}): ConnectionOptions {
  return { host: '127.0.0.1', port, servername: 'localhost', ...options };
}

export function tlsClient(port: number, options: ConnectionOptions): Promise<WireClient> {
  return WireClient.over(connectTls(tlsOptions(port, options)), 'secureConnect');
}

/** A client that speaks TLS, logs in and is accepted. */
export async function tlsLogin(port: number, options: ConnectionOptions, fields: ConnectFields = LOGIN): Promise<WireClient> {
  const client = await tlsClient(port, options);
  client.send(connect311(fields));
  await client.expect(ACCEPTED);
  return client;
}

/** What becomes of a TLS connection on which a CONNECT is sent: the whole answer, and the error by which it ended. */
export function attempt(
  port: number,
  options: ConnectionOptions,
  fields: ConnectFields = LOGIN,
): Promise<{ readonly answer: string; readonly error: string }> {
  const socket = connectTls(tlsOptions(port, options));
  socket.write(fromHex(connect311(fields)));
  return outcome(socket);
}

/** Everything that comes over a socket until 4 bytes are there or it ends. */
export function outcome(socket: Socket | TLSSocket): Promise<{ readonly answer: string; readonly error: string }> {
  return new Promise((resolve, reject) => {
    let answer = Buffer.alloc(0);
    let error = '';
    const timer = setTimeout(() => reject(new Error(`no end and no answer within ${WAIT_MS} ms`)), WAIT_MS);
    const done = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ answer: answer.toString('hex'), error });
    };
    socket.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length >= 4) done();
    });
    socket.on('error', (failure: NodeJS.ErrnoException) => {
      error = failure.code ?? failure.message;
    });
    socket.on('close', done);
  });
}

/** A TCP connection on which these bytes are sent at once; with `each`, that many at a time, each behind a turn of the event loop. */
export function rawSocket(port: number, bytes: Uint8Array = new Uint8Array(), each = bytes.length): Socket {
  const socket = connectTcp({ host: '127.0.0.1', port, noDelay: true });
  socket.on('error', () => {});
  const send = (at: number): void => {
    if (at >= bytes.length || socket.destroyed) return;
    socket.write(bytes.subarray(at, at + each), () => setImmediate(() => send(at + each)));
  };
  send(0);
  return socket;
}

/** The ClientHello that Node sends, as bytes. */
export async function clientHello(): Promise<Buffer> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const client = connectTls(tlsOptions((server.address() as AddressInfo).port));
  client.on('error', () => {});
  const [socket] = await accepted;
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return bytes;
}
