import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ConnectionInfo } from '@portcullis/sdk';
import { WebSocketServer } from 'ws';
import { arrivalOf } from '../connection/index.js';
import { ERRORS } from '../errors.js';
import { bind } from './bind.js';
import { Doorkeeper, isTurnedAway } from './doorkeeper.js';
import { type InForce, type Listener, type ListenerOptions, type ListenerRoom, urlOf } from './listener.js';
import { pathOf, refusalOf, requestOf } from './upgrade.js';
import { handshake } from './web-socket-handshake.js';
import { openWebSocket } from './web-socket-transport.js';

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
    const accepted = (): void => openWebSocket(room, inForce.options.chain, socket, head, info, null);
    const broken = (): void => log.error({ code: ERRORS.invariant.code }, 'an upgrade was not answered as it should have been');
    handshake(sockets, request, socket, accepted, broken);
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
