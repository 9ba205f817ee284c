import { ERRORS, PortcullisError } from '../errors.js';
import type { Listener, ListenerOptions, ListenerRoom } from './listener.js';
import { listenMqtt } from './stream-listener.js';
import { listenTcp } from './tcp.js';
import { listenWebSocket } from './web-socket.js';

export { Doorkeeper } from './doorkeeper.js';
export type { Listener, ListenerOptions, ListenerRoom } from './listener.js';
export { checkRawSockets } from './raw-check.js';
export { RawDoor } from './raw-door.js';
export { type RawHandle, type RawSockets, rawServerOf } from './raw-handle.js';
export { isSameAddress, requireFreeAddress } from './same-address.js';
export type { TlsMaterial, TlsSource } from './tls-server.js';

/** Binds a listener of any kind. */
export function listen(room: ListenerRoom, options: ListenerOptions): Promise<Listener> {
  switch (options.scheme) {
    case 'mqtt':
      return options.proxyProtocol === null ? listenTcp(room, options) : listenMqtt(room, options);
    case 'mqtts':
    case 'unix':
      return listenMqtt(room, options);
    case 'ws':
    case 'wss':
      return listenWebSocket(room, options);
    default:
      throw new PortcullisError(ERRORS.invariant, 'a listener of an unknown kind');
  }
}
