import { isIPv4, isIPv6 } from 'node:net';
import { closestName } from './did-you-mean.js';

export interface ListenerAddress {
  readonly scheme: 'mqtt' | 'ws';
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

export interface UrlFault {
  readonly message: string;
  readonly hint: string | null;
}

const SCHEMES = ['mqtt', 'ws'];
const LATER: ReadonlySet<string> = new Set(['mqtts', 'wss', 'unix', 'mqtt+unix']);
const OTHER_WORDS: Readonly<Record<string, string>> = { tcp: 'mqtt', http: 'ws', ssl: 'mqtts', tls: 'mqtts', https: 'wss' };
const HOST_NAME = /^(?=.{1,253}$)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;
const PATH = /^\/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*$/;

const fault = (message: string, hint: string | null = null): UrlFault => ({ message, hint });

/** Reads a listener's url. By hand, since `URL` repairs what it does not understand. Faults never quote it: it may hold a password. */
export function parseListenerUrl(url: string): ListenerAddress | UrlFault {
  const parts = /^([A-Za-z][A-Za-z0-9.+-]{0,19}):\/\/([^/?#]*)(.*)$/s.exec(url);
  if (parts === null) return fault('is not a url', 'expected mqtt://host:port or ws://host:port/path');
  const [, scheme = '', authority = '', path = ''] = parts;
  const wrong = schemeFault(scheme);
  if (wrong !== null) return wrong;
  if (authority.includes('@')) return fault('must not contain a user or password', 'who may connect is decided by the plugins of the chain');
  const address = /^(\[[^\]]*\]|[^:[\]]*)(?::([^:]*))?$/s.exec(authority);
  if (address === null) return fault('has no valid host', 'IPv6 addresses stand in brackets: mqtt://[::1]:1883');
  const [, host = '', port] = address;
  const bare = host.startsWith('[') ? host.slice(1, -1) : host;
  if (bare === '') return fault('has no host', '127.0.0.1 for this machine only, 0.0.0.0 for every address');
  if (host.startsWith('[') ? !isIPv6(bare) : !isHost(bare))
    return fault('has no valid host', 'expected a name, an IPv4 address, or an IPv6 address in brackets');
  const number = portNumber(port ?? '');
  if (port === undefined) return fault('has no port', scheme === 'ws' ? 'for example ws://host:8083/mqtt' : 'for example mqtt://host:1883');
  if (number === null) return fault('has no valid port', 'expected a number from 0 to 65535; 0 takes any free port');
  if (scheme === 'mqtt') {
    if (path !== '') return fault('must end after the port', 'only ws:// has a path');
    return { scheme, host: bare, port: number, path: '' };
  }
  if (path !== '' && !PATH.test(path)) return fault('has no valid path', 'expected letters, digits and "/" as in ws://host:8083/mqtt; no query');
  return { scheme: 'ws', host: bare, port: number, path: path === '' ? '/' : path };
}

/** A port as text, strictly: no sign, no spaces, no leading zeros. */
export function portNumber(text: string): number | null {
  if (!/^(?:0|[1-9][0-9]{0,4})$/.test(text)) return null;
  const port = Number(text);
  return port <= 65_535 ? port : null;
}

function isHost(host: string): boolean {
  // What looks like an IPv4 address must be one: resolvers read 127.1 or 0127.0.0.1 in surprising ways.
  return /^[0-9.]+$/.test(host) ? isIPv4(host) : HOST_NAME.test(host);
}

function schemeFault(scheme: string): UrlFault | null {
  if (SCHEMES.includes(scheme)) return null;
  const lower = scheme.toLowerCase();
  if (LATER.has(lower)) return fault(`${lower}:// listeners are not supported in this version`, 'mqtt:// and ws:// are');
  const meant = SCHEMES.includes(lower) ? lower : Object.hasOwn(OTHER_WORDS, lower) ? OTHER_WORDS[lower] : closestName(lower, SCHEMES);
  if (meant !== undefined && meant !== null && LATER.has(meant)) {
    return fault('has an unknown scheme', `${meant}:// is not supported in this version; mqtt:// and ws:// are`);
  }
  return fault('has an unknown scheme', meant == null ? 'expected mqtt:// or ws://' : `did you mean ${meant}://?`);
}

/** Whether a browser could send this as its Origin, exactly so. */
export function isOrigin(text: string): boolean {
  if (!/^https?:\/\//.test(text)) return false;
  try {
    return new URL(text).origin === text;
  } catch {
    return false;
  }
}
