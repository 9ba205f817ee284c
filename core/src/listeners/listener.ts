import type { ConnectionRoom } from '../connection/index.js';

/** What a listener listens on, and for which chain. */
export interface ListenerOptions {
  readonly name: string;
  readonly scheme: 'mqtt' | 'ws';
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly chain: string;
  readonly maxConnections: number | null;
  readonly origins: readonly string[] | null;
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
