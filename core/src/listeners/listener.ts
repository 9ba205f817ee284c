import type { ConnectionRoom } from '../connection/index.js';
import type { RevocationListInfo } from '../x509/index.js';
import type { TlsSource } from './tls-material.js';

/** What a listener listens on, and for which chain. */
export interface ListenerOptions {
  readonly name: string;
  readonly scheme: 'mqtt' | 'mqtts' | 'ws' | 'wss' | 'unix';
  /** Empty for a Unix socket. */
  readonly host: string;
  /** 0 for a Unix socket, and for any free port. */
  readonly port: number;
  /** Of WebSocket requests, or of the Unix socket. */
  readonly path: string;
  readonly chain: string;
  readonly maxConnections: number | null;
  readonly origins: readonly string[] | null;
  /** Certificates, of mqtts and wss listeners and no others. */
  readonly tls: TlsSource | null;
  /** Whose PROXY headers are believed; null where no connection begins with one. */
  readonly proxyProtocol: { readonly trusted: readonly string[] } | null;
  /** Permission bits of a Unix socket. */
  readonly mode: number;
}

/** What holds for new connections of a bound port. */
export interface InForce {
  options: ListenerOptions;
}

/** A bound port. */
export interface Listener {
  readonly options: ListenerOptions;
  /** Puts other options in force, of the same address: a port that is bound cannot be bound again beside itself. */
  adopt(options: ListenerOptions): void;
  /** Where it really listens, with the port that was given out. */
  readonly url: string;
  /** Connections that are open, without those that are only told that there is no room. */
  readonly connections: number;
  /** Revocation lists in force; absent where clients have no certificates. */
  readonly revocationLists?: readonly RevocationListInfo[];
  /** Reads again what is kept outside of the configuration: certificates. Resolves with why they could not be used, or null. */
  refresh?(): Promise<string | null>;
  /** Takes no more connections; those that are there stay. */
  close(): Promise<void>;
}

/** What listeners share: room for connections, and their count. */
export interface ListenerRoom {
  readonly connections: ConnectionRoom;
  /** Registers a connection; the function it returns is called when its socket is gone. */
  opened(connection: object): () => void;
}

/** How long a peer has to close its side before the socket is torn down, in milliseconds. */
export const LINGER_MS = 500;

/** The address in a URL; IPv6 needs brackets there. */
export function urlOf(scheme: string, host: string, port: number, path: string): string {
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}${path}`;
}

/** Where a listener listens, as one writes it. */
export function addressUrl({ scheme, host, port, path }: Pick<ListenerOptions, 'scheme' | 'host' | 'port' | 'path'>): string {
  // Anything but the commonest characters is escaped, so that a line of the log stays one that programs can take apart.
  if (scheme === 'unix') return `unix:${path.split('/').map(encodeURIComponent).join('/')}`;
  return urlOf(scheme, host, port, path);
}
