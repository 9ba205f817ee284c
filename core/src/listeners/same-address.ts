import { ERRORS, PortcullisError } from '../errors.js';
import { addressUrl, type Listener, type ListenerOptions } from './listener.js';

/** Whether a bound listener can go on under these options: what is bound, and what its connections begin with, stays as it is. */
export function isSameAddress(bound: ListenerOptions, wanted: ListenerOptions): boolean {
  if (bound.scheme !== wanted.scheme || (bound.proxyProtocol === null) !== (wanted.proxyProtocol === null)) return false;
  return isSamePlace(bound, wanted);
}

/** Throws when the address is bound by a listener that cannot go on: it cannot be bound again beside itself, nor changed under those who connect. */
export function requireFreeAddress(listeners: Iterable<Listener>, wanted: ListenerOptions): void {
  for (const { options } of listeners) {
    if ((wanted.scheme !== 'unix' && wanted.port === 0) || !isSamePlace(options, wanted)) continue;
    const what = options.scheme === wanted.scheme ? 'whether its connections begin with a PROXY header' : `that it is ${options.scheme}`;
    const text = `is bound by "${options.name}", and ${what} cannot change without a restart`;
    throw new PortcullisError(ERRORS.config, `listener "${wanted.name}" (${addressUrl(wanted)}): the address ${text}`);
  }
}

function isSamePlace(a: ListenerOptions, b: ListenerOptions): boolean {
  if ((a.scheme === 'unix') !== (b.scheme === 'unix')) return false;
  return a.scheme === 'unix' ? a.path === b.path : a.host === b.host && a.port === b.port;
}
