import { createServer, type Server, type Socket } from 'node:net';
import { type FaultMode, type FaultModeLike, faultMode } from './fault-mode.js';
import { type FaultTarget, ProxiedConnection } from './proxied-connection.js';

export interface FaultProxyOptions {
  /** The real backend. */
  readonly target: FaultTarget;
  /** The mode to begin with; `pass` unless told. */
  readonly mode?: FaultModeLike;
  /** The port to listen on, on 127.0.0.1; any free one unless told. */
  readonly port?: number;
}

const PORT_TRIES = 50;
const PORT_WAIT_MS = 20;

/** A TCP proxy before a backend that does to it what networks and crashes do. Modes change at run time, for living connections too. */
export class FaultProxy {
  readonly host = '127.0.0.1';
  readonly #target: FaultTarget;
  readonly #connections = new Set<ProxiedConnection>();
  #mode: FaultMode;
  #server: Server | null = null;
  #port: number;
  #accepted = 0;
  #closed = false;
  #busy: Promise<void> = Promise.resolve();

  private constructor({ target, mode = 'pass', port = 0 }: FaultProxyOptions) {
    this.#target = target;
    this.#mode = faultMode(mode);
    this.#port = port;
  }

  static async start(options: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options);
    // Once in any case: also a proxy that refuses has a port.
    await proxy.#listen();
    if (proxy.#mode.kind === 'refuse') await proxy.#silence();
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  get mode(): FaultMode {
    return this.#mode;
  }

  /** Connections that stand now. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Connections that were ever accepted. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Sets the mode for living and new connections; resolves when it is in force. Throws a TypeError for what is no mode. */
  set(given: FaultModeLike): Promise<void> {
    const mode = faultMode(given);
    return this.#inTurn(async () => {
      if (this.#closed) throw new Error('the fault proxy is closed');
      this.#mode = mode;
      for (const connection of this.#connections) connection.set(mode);
      if (mode.kind === 'refuse') await this.#silence();
      else if (this.#server === null) await this.#listen();
    });
  }

  /** Breaks every connection that stands; new ones go by the mode. */
  resetAll(): void {
    for (const connection of this.#connections) connection.reset();
  }

  /** Ends everything. */
  close(): Promise<void> {
    return this.#inTurn(async () => {
      this.#closed = true;
      this.resetAll();
      await this.#silence();
    });
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#busy.then(work);
    this.#busy = done.catch(() => {});
    return done;
  }

  async #silence(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server !== null) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  /** Listens on the port that it has had before; something may hold that for a moment. */
  async #listen(): Promise<void> {
    for (let tried = 1; ; tried += 1) {
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
      try {
        await new Promise<void>((resolve, reject) => server.once('error', reject).listen(this.#port, this.host, resolve));
        const address = server.address();
        this.#port = typeof address === 'object' && address !== null ? address.port : this.#port;
        this.#server = server;
        return;
      } catch (error) {
        if (tried === PORT_TRIES || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
        await new Promise((resolve) => setTimeout(resolve, PORT_WAIT_MS));
      }
    }
  }

  #accept(client: Socket): void {
    this.#accepted += 1;
    const connection: ProxiedConnection = new ProxiedConnection(client, this.#target, this.#mode, () => this.#connections.delete(connection));
    this.#connections.add(connection);
  }
}

/** Starts a TCP proxy on a free port of 127.0.0.1 that leads to `target` and can be told to fail. */
export function faultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  return FaultProxy.start(options);
}
