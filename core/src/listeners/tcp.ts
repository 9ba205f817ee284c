import { createServer, type Socket } from 'node:net';
import { openConnection } from '../connection/index.js';
import { bind } from './bind.js';
import { Doorkeeper, type InForce, type Listener, type ListenerOptions, type ListenerRoom, urlOf } from './listener.js';
import { SocketTransport } from './socket-transport.js';

/** Binds an `mqtt://` listener. */
export async function listenTcp(room: ListenerRoom, options: ListenerOptions): Promise<Listener> {
  const inForce: InForce = { options };
  const doorkeeper = new Doorkeeper(room, inForce);
  // Without noDelay a small packet behind an unacknowledged one waits for up to 40 ms.
  const server = createServer({ noDelay: true }, (socket) => accept(room, inForce, doorkeeper, socket));
  const port = await bind(server, options, room.connections.log);
  return {
    get options() {
      return inForce.options;
    },
    adopt: (adopted) => {
      inForce.options = adopted;
    },
    url: urlOf('mqtt', options.host, port, ''),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function accept(room: ListenerRoom, inForce: InForce, doorkeeper: Doorkeeper, socket: Socket): void {
  // Before anything else: a socket without a listener for its errors would end the process.
  socket.on('error', () => {});
  const info = doorkeeper.admit('tcp', socket.remoteAddress, socket.remotePort);
  if (info === null) {
    socket.destroy();
    return;
  }
  const acceptedAt = room.connections.wheel.clock.now();
  const transport = new SocketTransport({ socket, info, tls: null, acceptedAt }, room);
  const connection = openConnection(room.connections, transport, inForce.options.chain);
  const gone = room.opened(connection);
  let failure: Error | null = null;
  socket.on('error', (error) => {
    failure = error;
  });
  socket.on('data', (chunk: Buffer) => connection.received(chunk));
  socket.on('drain', () => connection.drained());
  socket.on('close', () => {
    doorkeeper.left();
    connection.closed(failure);
    gone();
  });
}
