import { BackendUnavailable } from '@portcullis/sdk';
import type pg from 'pg';
import { type ConnectOptions, connectTo, destroy, type Role } from './connect.js';
import { connectError } from './database-errors.js';
import { describeServer, type Server } from './hosts.js';

/** How long a server is tried alone before the next one is tried beside it. */
const STAGGER_MS = 250;
/** However many there are: in this time the last one has been begun with. */
const ALL_BEGUN_MS = 1500;
/** One that has refused is tried again after this while others still say nothing: it may be on its way back. */
const AGAIN_MS = 300;

/** Of each list of servers the one that was connected to last: it is tried first. */
const lastGood = new WeakMap<readonly Server[], Server>();

/**
 * Connects to one of these servers that has the role: the first that answers. Those that swallow everything hold up nobody, because the next one is
 * tried a moment later. Rejects when each of them has failed: with `InvalidPluginConfig` only when none of them may come back.
 */
export async function connectToAny(servers: readonly Server[], role: Role, options: ConnectOptions): Promise<pg.Client> {
  const over = new AbortController();
  const end = (): void => over.abort(options.signal.reason);
  options.signal.addEventListener('abort', end, { once: true });
  if (options.signal.aborted) end();
  try {
    return await new Race(servers, role, { ...options, signal: over.signal }).winner();
  } finally {
    options.signal.removeEventListener('abort', end);
    over.abort(new BackendUnavailable('another server was there first'));
  }
}

/** Several servers that are tried side by side, each a little later than the one before. */
class Race {
  readonly #servers: readonly Server[];
  readonly #role: Role;
  readonly #options: ConnectOptions;
  readonly #waiting: Server[];
  readonly #staggerMs: number;
  readonly #errors = new Map<Server, Error>();
  #isOver = false;
  #cancelNext: () => void = () => {};
  #resolve: (client: pg.Client) => void = () => {};
  #reject: (error: Error) => void = () => {};

  constructor(servers: readonly Server[], role: Role, options: ConnectOptions) {
    this.#servers = servers;
    this.#role = role;
    this.#options = options;
    const first = lastGood.get(servers);
    this.#waiting = first === undefined ? [...servers] : [first, ...servers.filter((server) => server !== first)];
    this.#staggerMs = Math.min(STAGGER_MS, ALL_BEGUN_MS / servers.length);
  }

  winner(): Promise<pg.Client> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#tryNext();
    });
  }

  #tryNext(): void {
    this.#cancelNext();
    const server = this.#waiting.shift();
    if (server === undefined) return;
    if (this.#waiting.length > 0) this.#cancelNext = this.#options.timers.after(this.#staggerMs, () => this.#tryNext());
    this.#try(server);
  }

  #try(server: Server): void {
    if (this.#isOver) return;
    connectTo(server, this.#role, this.#options).then(
      (client) => this.#won(server, client),
      (error: unknown) => this.#failed(server, connectError(describeServer(server), error)),
    );
  }

  #won(server: Server, client: pg.Client): void {
    if (this.#isOver) return destroy(client);
    this.#end();
    lastGood.set(this.#servers, server);
    this.#resolve(client);
  }

  #failed(server: Server, error: Error): void {
    if (this.#isOver) return;
    this.#errors.set(server, error);
    if (this.#errors.size === this.#servers.length) {
      this.#end();
      return this.#reject(verdict(this.#servers, this.#errors));
    }
    this.#tryNext();
    if (error instanceof BackendUnavailable) this.#options.timers.after(AGAIN_MS, () => this.#try(server));
  }

  #end(): void {
    this.#isOver = true;
    this.#cancelNext();
  }
}

/** What all of them have said. One that may come back outweighs any that must be put right: what is true of that one need not be of the other. */
function verdict(servers: readonly Server[], errors: ReadonlyMap<Server, Error>): Error {
  const [first, ...others] = [...errors.values()];
  if (first === undefined) return new BackendUnavailable('there is no server to connect to');
  if (others.length === 0) return first;
  const isHopeless = [...errors.values()].every((error) => !(error instanceof BackendUnavailable));
  if (isHopeless) return first;
  // In the order of the list, so that the same causes read the same.
  const texts = servers.flatMap((server) => {
    const { message } = errors.get(server) ?? { message: '' };
    const place = describeServer(server);
    return message === '' ? [] : [message.includes(place) ? message : `${place}: ${message}`];
  });
  return new BackendUnavailable(texts.join('; '));
}
