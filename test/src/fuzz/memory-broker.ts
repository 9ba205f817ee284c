import { createConnection } from 'node:net';
import type { ConnectionInfo, PluginDefinition } from '@portcullis/sdk';
import { Broker, type BrokerOptions, Logger } from 'portcullis';

type Config = BrokerOptions['config'];
export type Limits = Config['limits'];

/** What is used of the core's inside; loaded by its place, since the public door does not lead there. */
interface Room {
  readonly flusher: { flush(): void };
  readonly router: { readonly domains: Iterable<{ readonly tree: { readonly size: number }; readonly turns: ReadonlyMap<string, number> }> };
}

interface Connection {
  readonly version: 3 | 4 | 5;
  received(chunk: Buffer): void;
  drained(): void;
  closed(error: Error | null): void;
}

interface ConnectionClass {
  new (room: Room, transport: Peer, chain: string): Connection;
  readonly prototype: Connection & { readonly room: Room };
}

interface ManualClock {
  now(): number;
  wall(): number;
  ticker(milliseconds: number, callback: () => void): () => void;
  advance(milliseconds: number): void;
}

async function inside<Module>(path: string): Promise<Module> {
  return (await import(new URL(`../../../core/dist/${path}`, import.meta.url).href)) as Module;
}

const { Connection } = await inside<{ Connection: ConnectionClass }>('connection/connection.js');
const { makeLimits } = await inside<{ makeLimits: (set: Partial<Limits>) => Limits }>('limits.js');
const { ManualClock } = await inside<{ ManualClock: new () => ManualClock }>('clock.js');

export interface MemoryBrokerOptions {
  readonly limits?: Partial<Limits>;
  /** Plugins by the name of their entry; all stand in every list of the one chain that they can stand in. */
  readonly plugins: Readonly<Record<string, PluginDefinition>>;
  readonly guards?: readonly string[];
  readonly authenticate: readonly string[];
  readonly authorize: readonly string[];
}

/** The real broker with peers that are no sockets, under a clock that stands still. What happens, happens in `turn`. */
export class MemoryBroker {
  readonly broker: Broker;
  readonly log: string[] = [];
  readonly clock = new ManualClock();
  readonly peers = new Set<Peer>();
  #room: Room | null = null;

  private constructor(options: MemoryBrokerOptions) {
    const sink = (line: string): void => {
      if (this.log.length < 100_000) this.log.push(line);
    };
    this.broker = new Broker({ ...composition(options), log: new Logger(sink, 'warn'), clock: this.clock });
  }

  static async start(options: MemoryBrokerOptions): Promise<MemoryBroker> {
    const memory = new MemoryBroker(options);
    await memory.broker.start();
    memory.#room = await roomOf(memory.broker);
    return memory;
  }

  get stats(): Broker['stats'] {
    return this.broker.stats;
  }

  /** Topic filters in the trees, and turns of shared groups: what must be gone when everybody is. */
  get remembered(): number {
    let count = 0;
    for (const domain of this.#there.router.domains) count += domain.tree.size + domain.turns.size;
    return count;
  }

  connect(): Peer {
    const peer: Peer = new Peer((transport) => new Connection(this.#there, transport, 'default'), () => this.peers.delete(peer));
    this.peers.add(peer);
    return peer;
  }

  /** Ends the turn of the event loop: what came is handled, what is to leave leaves. */
  turn(): void {
    for (const peer of this.peers) peer.deliver();
    this.#there.flusher.flush();
  }

  /** Turns, and what plugins owe in between, until nothing is left to do. */
  async settle(turns = 4): Promise<void> {
    for (let i = 0; i < turns; i += 1) {
      this.turn();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async stop(): Promise<void> {
    for (const peer of [...this.peers]) peer.disappear();
    await this.broker.stop();
  }

  get #there(): Room {
    if (this.#room === null) throw new Error('the broker has not started');
    return this.#room;
  }
}

let nextPeer = 1;

/** The far end of a connection, and the transport that the broker has of it. */
export class Peer {
  readonly info: ConnectionInfo;
  readonly tls = null;
  /** What the peer has read and nobody took yet. */
  output: Buffer[] = [];
  /** Bytes that the peer has not read. */
  buffered = 0;
  paused = false;
  ended = false;
  readonly #connection: Connection;
  readonly #gone: () => void;
  #stalled = false;
  #unread: Buffer[] = [];
  #sent: Buffer[] = [];

  constructor(open: (transport: Peer) => Connection, gone: () => void) {
    this.info = Object.freeze({ id: `m${nextPeer}`, listener: 'local', transport: 'tcp', address: '127.0.0.1', port: 1 });
    nextPeer += 1;
    this.#gone = gone;
    this.#connection = open(this);
  }

  get version(): 3 | 4 | 5 {
    return this.#connection.version;
  }

  /** Bytes that the broker would not read yet. */
  get waiting(): number {
    return this.#sent.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  /** Sends; the broker reads it in the next turn, unless it has stopped reading. */
  send(bytes: Buffer): void {
    this.#sent.push(bytes);
  }

  deliver(): void {
    while (!this.paused && this.#sent.length > 0) this.#connection.received(this.#sent.shift() as Buffer);
  }

  /** Takes what came. */
  take(): Buffer {
    const taken = Buffer.concat(this.output);
    this.output = [];
    return taken;
  }

  stall(): void {
    this.#stalled = true;
  }

  /** Reads on. */
  drain(): void {
    this.#stalled = false;
    this.output.push(...this.#unread);
    this.#unread = [];
    this.buffered = 0;
    this.#connection.drained();
  }

  /** The socket is gone, whoever ended it. */
  disappear(error: Error | null = null): void {
    this.#connection.closed(error);
    this.#gone();
  }

  write(buffer: Buffer): boolean {
    // Copied: a buffer that was taken at once is used again.
    const copy = Buffer.from(buffer);
    if (!this.#stalled) {
      this.output.push(copy);
      return true;
    }
    this.#unread.push(copy);
    this.buffered += copy.length;
    return false;
  }

  writeAll(buffers: readonly Buffer[]): void {
    for (const buffer of buffers) this.write(buffer);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  end(): void {
    this.ended = true;
    // What the peer still sends is read and thrown away.
    this.paused = false;
  }

  destroy(): void {
    this.ended = true;
  }
}

function composition(options: MemoryBrokerOptions): Pick<BrokerOptions, 'config' | 'plugins'> {
  const entry = { timeoutMs: 2000, maxConcurrent: 64, maxQueue: 1000, breaker: { faults: 10, windowMs: 10_000, openMs: 2000 } };
  const plugins = Object.entries(options.plugins).map(([name, definition]) => ({
    spec: { ...entry, name, config: Object.freeze({}), onFault: 'refuse' as const, startup: 'gate' as const, publishTo: [] },
    loaded: { definition, root: `/nowhere/${name}`, packageName: name, version: '1.0.0' },
  }));
  const { guards = [], authenticate, authorize } = options;
  const chain = { name: 'default', guards, authenticate, authorize, combine: 'deny-overrides', deadlineMs: 5000 } as const;
  const answers = { denyPublish: 'acknowledge', publishFault: 'disconnect', partialSubscribe: 'filter', staleGraceMs: 0 } as const;
  const config: Config = {
    file: '/nowhere/plugins.json',
    folder: '/nowhere',
    listeners: [
      { name: 'local', scheme: 'mqtt', host: '127.0.0.1', port: 0, path: '', chain: 'default', maxConnections: null, origins: null },
    ],
    plugins: plugins.map(({ spec }) => ({ ...spec, use: spec.name, useAt: { line: 1, column: 1 }, isolation: 'inProcess' })),
    chains: new Map([['default', { ...chain, ...answers }]]),
    sessions: { clientIdOwnership: 'principal', maxExpirySeconds: 3600, perPrincipal: 10_000, useUsernameAsClientId: false },
    limits: makeLimits(options.limits ?? {}),
    logLevel: 'warn',
  };
  return { config, plugins };
}

/** The room that a broker gives to its connections, taken from one that came through the listener. */
async function roomOf(broker: Broker): Promise<Room> {
  const port = Number(new URL(broker.listeners[0]?.url ?? '').port);
  const prototype = Connection.prototype as { received(this: Connection & { readonly room: Room }, chunk: Buffer): void };
  const { received } = prototype;
  try {
    return await new Promise<Room>((resolve, reject) => {
      prototype.received = function (chunk) {
        received.call(this, chunk);
        resolve(this.room);
      };
      const socket = createConnection({ port, host: '127.0.0.1' }, () => socket.end(Buffer.from([0])));
      socket.on('error', reject);
      socket.resume();
    });
  } finally {
    prototype.received = received;
  }
}
