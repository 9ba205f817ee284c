import { ERRORS, PortcullisError } from '../errors.js';
import type { Listener, ListenerOptions, ListenerRoom } from './listener.js';
import { isSameAddress, requireFreeAddress } from './same-address.js';
import { listenMqtt } from './stream-listener.js';
import { listenTcp } from './tcp.js';
import { listenWebSocket } from './web-socket.js';

export { Doorkeeper } from './doorkeeper.js';
export type { Listener, ListenerOptions, ListenerRoom } from './listener.js';
export { checkRawSockets } from './raw-check.js';
export { RawDoor } from './raw-door.js';
export { type RawHandle, type RawSockets, rawServerOf } from './raw-handle.js';
export type { TlsMaterial, TlsSource } from './tls-material.js';

/**
 * Binds the listeners that a configuration wants, by name. One whose address is bound already, by a listener of `old`, stays as it is. When one
 * cannot be bound, those that were are closed again.
 */
export async function listenAll(
  room: ListenerRoom,
  wanted: readonly ListenerOptions[],
  old: ReadonlyMap<string, Listener>,
): Promise<Map<string, Listener>> {
  const bound = new Map<string, Listener>();
  const kept = new Set<Listener>();
  try {
    for (const options of wanted) {
      const anyPort = options.scheme !== 'unix' && options.port === 0;
      const same = [old.get(options.name), ...(anyPort ? [] : old.values())].find(
        (listener) => listener !== undefined && !kept.has(listener) && isSameAddress(listener.options, options),
      );
      if (same === undefined) requireFreeAddress(old.values(), options);
      else kept.add(same);
      bound.set(options.name, same ?? (await listen(room, options)));
    }
  } catch (error) {
    for (const listener of bound.values()) if (!kept.has(listener)) await listener.close();
    throw error;
  }
  return bound;
}

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
