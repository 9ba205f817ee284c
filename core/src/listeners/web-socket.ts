import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { strangerOf } from '../connection/index.js';
import { ERRORS } from '../errors.js';
import { isTurnedAway } from './doorkeeper.js';
import type { InForce, Listener, ListenerOptions, ListenerRoom } from './listener.js';
import type { Arrival } from './socket-transport.js';
import { listenStreams } from './stream-listener.js';
import { pathOf, refusalOf, requestOf } from './upgrade.js';
import { handshake } from './web-socket-handshake.js';
import { openWebSocket } from './web-socket-transport.js';

/** Greatest HTTP request for a WebSocket; so much is set aside for each until it is one. */
const MAX_HEADER_BYTES = 8192;

/** Binds a `ws://` or `wss://` listener: HTTP for the upgrade, then MQTT in binary frames. */
export function listenWebSocket(room: ListenerRoom, options: ListenerOptions): Promise<Listener> {
  const { limits, log } = room.connections;
  const inForce: InForce = { options };
  const arrivals = new WeakMap<Duplex, Arrival>();
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    // Compression before authentication is an amplifier in the hands of strangers.
    perMessageDeflate: false,
    maxPayload: limits.maxWebSocketFrameBytes,
    // [MQTT-6.0.0-4] `mqttv3.1` is what clients of MQTT 3.1 ask for.
    handleProtocols: (protocols) => (protocols.has('mqtt') ? 'mqtt' : protocols.has('mqttv3.1') ? 'mqttv3.1' : false),
  });
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES });
  server.on('clientError', (_error, socket) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
    else socket.destroy();
  });
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    // One answer for each socket, and its last word: an upgrade that was sent behind another request is not looked at.
    arrivals.delete(request.socket);
    const status = pathOf(request) === inForce.options.path ? 426 : 404;
    const headers = status === 426 ? { Connection: 'close', Upgrade: 'websocket' } : { Connection: 'close' };
    response.writeHead(status, headers).end();
  };
  server.on('request', answer);
  // Node would answer an `Expect` by itself, and keep the socket for the next request.
  server.on('checkContinue', answer);
  server.on('checkExpectation', answer);
  server.on('upgrade', (request, socket, head) => {
    const arrival = arrivals.get(socket);
    if (arrival === undefined) return void socket.destroy();
    const { info } = arrival;
    const status =
      refusalOf(request, inForce.options) ?? (isTurnedAway(info) ? 503 : null) ?? room.connections.gate.upgradeWebSocket(requestOf(request, info));
    if (status !== 101) return refuse(socket, status);
    const accepted = (): void => openWebSocket(room, inForce.options.chain, socket, head, arrival);
    const broken = (): void => log.error({ code: ERRORS.invariant.code }, 'an upgrade was not answered as it should have been');
    handshake(sockets, request, socket, accepted, broken);
  });
  // Node's server is bound to nothing: sockets come to it when all that stands before HTTP is done.
  return listenStreams(room, inForce, (arrival) => {
    const stranger = strangerOf(arrival.info);
    // Node keeps the request to itself until it is whole.
    if (stranger !== null && !room.connections.strangers.hold(stranger, MAX_HEADER_BYTES)) return void arrival.socket.destroy();
    arrivals.set(arrival.socket, arrival);
    server.emit('connection', arrival.socket);
  });
}

const STATUS_TEXT: Record<number, string> = { 400: 'Bad Request', 403: 'Forbidden', 404: 'Not Found', 503: 'Service Unavailable' };

function refuse(socket: Duplex, status: number): void {
  socket.on('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status} ${STATUS_TEXT[status] ?? ''}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
