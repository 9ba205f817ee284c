import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ConnectionInfo } from '@portcullis/sdk';
import { type WebSocket, WebSocketServer } from 'ws';
import { arrivalOf, type Connection, openConnection, type Transport } from '../connection/index.js';
import { ERRORS } from '../errors.js';
import { bind } from './bind.js';
import { Doorkeeper, isTurnedAway } from './doorkeeper.js';
import { type InForce, LINGER_MS, type Listener, type ListenerOptions, type ListenerRoom, urlOf } from './listener.js';
import { pathOf, refusalOf, requestOf } from './upgrade.js';

/** Greatest HTTP request for a WebSocket; so much is set aside for each until it is one. */
const MAX_HEADER_BYTES = 8192;

/** Binds a `ws://` listener: HTTP for the upgrade, then MQTT in binary frames. */
export async function listenWebSocket(room: ListenerRoom, options: ListenerOptions): Promise<Listener> {
  const { limits, log } = room.connections;
  const inForce: InForce = { options };
  const doorkeeper = new Doorkeeper(room, inForce);
  const admitted = new WeakMap<Duplex, ConnectionInfo>();
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    // Compression before authentication is an amplifier in the hands of strangers.
    perMessageDeflate: false,
    maxPayload: limits.maxWebSocketFrameBytes,
    // [MQTT-6.0.0-4] `mqttv3.1` is what clients of MQTT 3.1 ask for.
    handleProtocols: (protocols) => (protocols.has('mqtt') ? 'mqtt' : protocols.has('mqttv3.1') ? 'mqttv3.1' : false),
  });
  const server = createServer({
    noDelay: true,
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: limits.connectTimeoutMs,
    requestTimeout: limits.connectTimeoutMs,
    connectionsCheckingInterval: 1000,
  });
  server.on('connection', (socket: Socket) => {
    socket.on('error', () => {});
    const info = doorkeeper.admit('ws', socket.remoteAddress, socket.remotePort, socket);
    if (info === null) {
      socket.destroy();
      return;
    }
    admitted.set(socket, info);
    socket.once('close', () => doorkeeper.left(info));
    const arrival = arrivalOf(info);
    // Node keeps the request to itself until it is whole.
    if (arrival !== null && !room.connections.arrivals.hold(arrival, MAX_HEADER_BYTES)) socket.destroy();
  });
  server.on('clientError', (_error, socket) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
    else socket.destroy();
  });
  server.on('request', (request, response) => {
    const status = pathOf(request) === inForce.options.path ? 426 : 404;
    const headers = status === 426 ? { Connection: 'close', Upgrade: 'websocket' } : { Connection: 'close' };
    response.writeHead(status, headers).end();
  });
  server.on('upgrade', (request, socket, head) => {
    const info = admitted.get(socket);
    if (info === null || info === undefined) return void socket.destroy();
    const status =
      refusalOf(request, inForce.options) ?? (isTurnedAway(info) ? 503 : null) ?? room.connections.gate.upgradeWebSocket(requestOf(request, info));
    if (status !== 101) return refuse(socket, status);
    sockets.handleUpgrade(request, socket, head, (webSocket) => accept(room, inForce.options, webSocket, socket, info));
  });
  const port = await bind(server, options, log);
  return {
    get options() {
      return inForce.options;
    },
    adopt: (adopted) => {
      inForce.options = adopted;
    },
    get url() {
      return urlOf('ws', inForce.options.host, port, inForce.options.path);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        // Upgraded sockets are no longer the server's; what is left are requests that never became one.
        server.closeAllConnections();
      }),
  };
}

const STATUS_TEXT: Record<number, string> = { 400: 'Bad Request', 403: 'Forbidden', 404: 'Not Found', 503: 'Service Unavailable' };

function refuse(socket: Duplex, status: number): void {
  socket.on('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status} ${STATUS_TEXT[status] ?? ''}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function accept(room: ListenerRoom, options: ListenerOptions, webSocket: WebSocket, socket: Duplex, info: ConnectionInfo): void {
  const connection = openConnection(room.connections, new WebSocketTransport(webSocket, socket, info, room), options.chain);
  const gone = room.opened(connection);
  let failure: Error | null = null;
  webSocket.on('error', (error) => {
    failure = error;
  });
  webSocket.on('message', (data, isBinary) => {
    // [MQTT-6.0.0-1] A text frame closes the connection.
    if (!isBinary || !Buffer.isBuffer(data)) {
      failure = new Error('a text frame');
      webSocket.close(1003);
      connection.closed(failure);
    } else connection.received(data);
  });
  countEarly(room, connection, webSocket, socket);
  socket.on('drain', () => connection.drained());
  webSocket.on('close', () => {
    connection.closed(failure);
    gone();
  });
}

/** A message is handed on when it is whole. What a stranger has sent of it must be bounded before; framing may double what the limit means. */
function countEarly(room: ListenerRoom, connection: Connection, webSocket: WebSocket, socket: Duplex): void {
  const limit = room.connections.limits.preAuthBytes * 2;
  let bytes = 0;
  const count = (chunk: Buffer): void => {
    if (connection.client !== null) return void socket.off('data', count);
    bytes += chunk.length;
    if (bytes <= limit && room.connections.arrivals.hold(connection.arrival, bytes)) return;
    socket.off('data', count);
    connection.fail(ERRORS.preAuthBytes, 'too much was sent before the CONNECT was accepted');
    webSocket.terminate();
  };
  socket.on('data', count);
}

class WebSocketTransport implements Transport {
  readonly info: ConnectionInfo;
  readonly tls = null;
  readonly #webSocket: WebSocket;
  readonly #socket: Duplex;
  readonly #room: ListenerRoom;

  constructor(webSocket: WebSocket, socket: Duplex, info: ConnectionInfo, room: ListenerRoom) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.info = info;
    this.#room = room;
  }

  write(buffer: Buffer, _slab: Buffer | null): boolean {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return false;
    this.#room.connections.stats.bytesSent += buffer.length;
    this.#webSocket.send(buffer, { binary: true });
    return this.#webSocket.bufferedAmount === 0;
  }

  writeAll(buffers: readonly Buffer[]): void {
    for (const buffer of buffers) this.write(buffer, null);
  }

  get buffered(): number {
    return this.#webSocket.bufferedAmount;
  }

  pause(): void {
    this.#webSocket.pause();
  }

  resume(): void {
    this.#webSocket.resume();
  }

  end(_peerIsDone: boolean): void {
    this.#webSocket.resume();
    this.#webSocket.close(1000);
    const timer = this.#room.connections.wheel.after(LINGER_MS, () => this.#webSocket.terminate());
    this.#socket.once('close', () => this.#room.connections.wheel.cancel(timer));
  }

  destroy(): void {
    this.#webSocket.terminate();
  }
}
