import { ERRORS, PortcullisError } from '../errors.js';
import type { Listener, ListenerOptions, ListenerRoom } from './listener.js';
import { listenTcp } from './tcp.js';
import { listenWebSocket } from './web-socket.js';

export type { Listener, ListenerOptions, ListenerRoom } from './listener.js';

/** Binds a listener of any kind. */
export function listen(room: ListenerRoom, options: ListenerOptions): Promise<Listener> {
  switch (options.scheme) {
    case 'mqtt':
      return listenTcp(room, options);
    case 'ws':
      return listenWebSocket(room, options);
    default:
      throw new PortcullisError(ERRORS.invariant, 'a listener of an unknown kind');
  }
}
