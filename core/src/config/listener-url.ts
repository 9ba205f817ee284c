import { isIPv4, isIPv6 } from 'node:net';
import { closestName } from './did-you-mean.js';

export type ListenerScheme = 'mqtt' | 'mqtts' | 'ws' | 'wss' | 'unix';

export interface ListenerAddress {
  readonly scheme: ListenerScheme;
  /** Empty for a Unix socket. */
  readonly host: string;
  readonly port: number;
  /** Of WebSocket requests, or of the Unix socket as the url has it. */
  readonly path: string;
}

export interface UrlFault {
  readonly message: string;
  readonly hint: string | null;
}

const SCHEMES: readonly ListenerScheme[] = ['mqtt', 'mqtts', 'ws', 'wss', 'unix'];
const OTHER_WORDS: Readonly<Record<string, string>> = {
  tcp: 'mqtt',
  http: 'ws',
  ssl: 'mqtts',
  tls: 'mqtts',
  https: 'wss',
  'mqtt+tls': 'mqtts',
  'mqtt+unix': 'unix',
};
const EXAMPLES: Readonly<Record<string, string>> = {
  mqtt: 'mqtt://host:1883',
  mqtts: 'mqtts://host:8883',
  ws: 'ws://host:8083/mqtt',
  wss: 'wss://host:8084/mqtt',
};
const FORMS = 'mqtt://host:port, mqtts://host:port, ws://host:port/path, wss://host:port/path or unix:path';
const UNIX_FORMS = 'unix:/absolute/path, or unix:relative/path from the folder of this file';
const HOST_NAME = /^(?=.{1,253}$)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;
const PATH = /^\/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*$/;

const fault = (message: string, hint: string | null = null): UrlFault => ({ message, hint });

/** Whether connections of a scheme begin with a TLS handshake. */
export function isTlsScheme(scheme: ListenerScheme): boolean {
  return scheme === 'mqtts' || scheme === 'wss';
}

/** Whether connections of a scheme begin with HTTP. */
export function isWebScheme(scheme: ListenerScheme): boolean {
  return scheme === 'ws' || scheme === 'wss';
}

/** Reads a listener's url. By hand, since `URL` repairs what it does not understand. Faults never quote it: it may hold a password. */
export function parseListenerUrl(url: string): ListenerAddress | UrlFault {
  if (url.startsWith('unix:')) return parseUnix(url.slice('unix:'.length));
  const parts = /^([A-Za-z][A-Za-z0-9.+-]{0,19}):\/\/([^/?#]*)(.*)$/s.exec(url);
  if (parts === null) return fault('is not a url', `expected ${FORMS}`);
  const [, given = '', authority = '', path = ''] = parts;
  const scheme = SCHEMES.find((known) => known === given && known !== 'unix');
  if (scheme === undefined) return unknownScheme(given);
  if (authority.includes('@')) return fault('must not contain a user or password', 'who may connect is decided by the plugins of the chain');
  const address = /^(\[[^\]]*\]|[^:[\]]*)(?::([^:]*))?$/s.exec(authority);
  if (address === null) return fault('has no valid host', 'IPv6 addresses stand in brackets: mqtt://[::1]:1883');
  const [, host = '', port] = address;
  const bare = host.startsWith('[') ? host.slice(1, -1) : host;
  if (bare === '') return fault('has no host', '127.0.0.1 for this machine only, 0.0.0.0 for every address');
  if (host.startsWith('[') ? !isIPv6(bare) : !isHost(bare))
    return fault('has no valid host', 'expected a name, an IPv4 address, or an IPv6 address in brackets');
  const number = portNumber(port ?? '');
  if (port === undefined) return fault('has no port', `for example ${EXAMPLES[scheme]}`);
  if (number === null) return fault('has no valid port', 'expected a number from 0 to 65535; 0 takes any free port');
  if (!isWebScheme(scheme)) {
    if (path !== '') return fault('must end after the port', 'only ws:// and wss:// have a path');
    return { scheme, host: bare, port: number, path: '' };
  }
  if (path !== '' && !PATH.test(path)) return fault('has no valid path', `expected letters, digits and "/" as in ${EXAMPLES[scheme]}; no query`);
  return { scheme, host: bare, port: number, path: path === '' ? '/' : path };
}

/** `unix:relative/path`, `unix:/absolute/path`, and `unix:///absolute/path` as other programs write it. */
function parseUnix(rest: string): ListenerAddress | UrlFault {
  const path = rest.startsWith('///') ? rest.slice(2) : rest;
  if (path === '') return fault('has no path', `expected ${UNIX_FORMS}`);
  if (path.startsWith('//')) return fault('must not have a host', `expected ${UNIX_FORMS}`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
  if (/[\u0000-\u001f\u007f]/.test(path) || /(?:^|\/)\.{0,2}$/.test(path)) return fault('has no valid path', `expected ${UNIX_FORMS}`);
  return { scheme: 'unix', host: '', port: 0, path };
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

function unknownScheme(given: string): UrlFault {
  const lower = given.toLowerCase();
  const known: readonly string[] = SCHEMES;
  const meant = known.includes(lower) ? lower : Object.hasOwn(OTHER_WORDS, lower) ? OTHER_WORDS[lower] : closestName(lower, known);
  if (meant === 'unix') return fault('has an unknown scheme', `did you mean unix: with a path? ${UNIX_FORMS}`);
  return fault('has an unknown scheme', meant == null ? `expected ${FORMS}` : `did you mean ${meant}://?`);
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
