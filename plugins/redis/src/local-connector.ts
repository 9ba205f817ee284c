import { connect, type Socket } from 'node:net';
import { AbstractConnector } from 'ioredis';
import { OtherMachine } from './redis-errors.js';
import { isLoopback } from './settings.js';

interface Target {
  readonly host?: string;
  readonly port?: number;
  readonly disconnectTimeout?: number;
}

/**
 * Connects to this machine only, without TLS. The nodes of a cluster are named by its other nodes: without this, a password would go in the clear to
 * whatever machine one of them names.
 */
export class LocalConnector extends AbstractConnector {
  readonly #target: Target;

  constructor(options: unknown) {
    const target: Target = typeof options === 'object' && options !== null ? options : {};
    super(target.disconnectTimeout ?? 0);
    this.#target = target;
  }

  override async connect(): Promise<Socket> {
    const { host = '', port = 0 } = this.#target;
    this.connecting = true;
    requireLocal(host);
    const socket = connect({ host, port });
    this.stream = socket;
    socket.once('error', (error) => {
      this.firstError = error;
    });
    return socket;
  }
}

/** Refuses the address (`host:port`) of another machine, and changes none. */
export function localOnly(address: string): null {
  requireLocal(address.slice(0, address.lastIndexOf(':')));
  return null;
}

function requireLocal(host: string): void {
  if (!isLoopback(host)) throw new OtherMachine(host);
}
