import { createServer, type Server } from 'node:net';
import type { Logger } from '../log.js';
import { bind } from './bind.js';
import { Certificates } from './certificates.js';
import { Entrance } from './entrance.js';
import { addressUrl, type InForce, type Listener, type ListenerOptions, type ListenerRoom } from './listener.js';
import { type Arrival, serveMqtt } from './socket-transport.js';
import { bindUnixSocket, setMode } from './unix-socket.js';

/** Binds a listener whose connections carry MQTT itself: `mqtts://`, `unix:`, and `mqtt://` behind a proxy that tells addresses. */
export function listenMqtt(room: ListenerRoom, options: ListenerOptions): Promise<Listener> {
  const inForce: InForce = { options };
  return listenStreams(room, inForce, (arrival) => serveMqtt(room, inForce.options.chain, arrival));
}

/** Binds a listener of any kind that hands over sockets ready to be used. */
export async function listenStreams(room: ListenerRoom, inForce: InForce, arrived: (arrival: Arrival) => void): Promise<Listener> {
  const { log, wheel } = room.connections;
  const { options } = inForce;
  const entrance = new Entrance(room, inForce, arrived);
  // Without noDelay a small packet behind an unacknowledged one waits for up to 40 ms.
  const server = createServer({ noDelay: true }, (socket) => entrance.accept(socket));
  const port = options.scheme === 'unix' ? await bindSocketFile(server, options, log) : await bind(server, options, log);
  const certificates =
    entrance.tls === null || options.tls === null ? null : new Certificates(options.name, entrance.tls, options.tls, wheel, log, entrance.holders);
  return {
    get options() {
      return inForce.options;
    },
    adopt: (adopted) => {
      inForce.options = adopted;
      entrance.adopted();
      if (adopted.tls !== null) certificates?.adopt(adopted.tls);
      if (adopted.scheme === 'unix') setMode(adopted, log);
    },
    get url() {
      return addressUrl({ ...inForce.options, port });
    },
    get connections() {
      return entrance.open;
    },
    get revocationLists() {
      return entrance.holders?.lists ?? [];
    },
    ...(certificates === null ? {} : { refresh: () => certificates.refresh() }),
    close: () =>
      new Promise((resolve) => {
        certificates?.stop();
        server.close(() => resolve());
        entrance.close();
      }),
  };
}

/** Resolves with 0, the port that a socket in the file system has not. */
async function bindSocketFile(server: Server, options: ListenerOptions, log: Logger): Promise<number> {
  const { path, mode } = options;
  await bindUnixSocket(server, { path, mode, called: `listener "${options.name}" (${addressUrl(options)})` }, log);
  return 0;
}
