import { createServer, type Server, type Socket } from 'node:net';
import { bind } from './bind.js';
import { Doorkeeper } from './doorkeeper.js';
import { type InForce, type Listener, type ListenerOptions, type ListenerRoom, urlOf } from './listener.js';
import { checkRawSockets } from './raw-check.js';
import { RawDoor } from './raw-door.js';
import { rawServerOf } from './raw-handle.js';
import { serveMqtt } from './socket-transport.js';

/** Binds an `mqtt://` listener. */
export async function listenTcp(room: ListenerRoom, options: ListenerOptions): Promise<Listener> {
  const inForce: InForce = { options };
  const doorkeeper = new Doorkeeper(room, inForce);
  // Without noDelay a small packet behind an unacknowledged one waits for up to 40 ms.
  const server = createServer({ noDelay: true }, (socket: Socket) => accept(room, inForce, doorkeeper, socket));
  const raw = await checkRawSockets();
  const port = await bind(server, options, room.connections.log);
  if ('sockets' in raw) takeOver(server, new RawDoor(room, inForce, doorkeeper, raw.sockets), room, inForce);
  else room.connections.log.info({ listener: options.name, reason: raw.reason }, 'using net.Socket: the faster way is not available');
  return {
    get options() {
      return inForce.options;
    },
    adopt: (adopted) => {
      inForce.options = adopted;
    },
    get connections() {
      return doorkeeper.open;
    },
    url: urlOf('mqtt', options.host, port, ''),
    close: async () => {
      await new Promise<void>((resolve) => server.close(() => resolve()));
      // The server counts only sockets that it made itself.
      await doorkeeper.empty();
    },
  };
}

function accept(room: ListenerRoom, inForce: InForce, doorkeeper: Doorkeeper, socket: Socket): void {
  // Before anything else: a socket without a listener for its errors would end the process.
  socket.on('error', () => {});
  const info = doorkeeper.admit('tcp', socket.remoteAddress, socket.remotePort, socket);
  if (info === null) {
    socket.destroy();
    return;
  }
  socket.once('close', () => doorkeeper.left(info));
  const acceptedAt = room.connections.wheel.clock.now();
  serveMqtt(room, inForce.options.chain, { socket, info, tls: null, acceptedAt, settled: () => {} });
}

/** Takes connections over from the server before it makes a socket of each. */
function takeOver(server: Server, door: RawDoor, room: ListenerRoom, inForce: InForce): void {
  const bound = rawServerOf(server);
  if (bound === null) return;
  const { strangers, wheel } = room.connections;
  // What a socket that is listened on has, those that are accepted from it have on Linux, without a call for each.
  door.setsNoDelay = !(process.platform === 'linux' && bound.setNoDelay?.(true) === 0);
  bound.onconnection = (status, handle) => {
    if (status === 0 && handle !== undefined) door.take(handle);
    else strangers.refusals.refused('accept', wheel.clock.now(), { listener: inForce.options.name, status });
  };
}
