import { Server } from 'node:net';
import type { PluginDefinition } from '@portcullis/sdk';
import { Broker, type BrokerOptions, Logger } from 'portcullis';
import { Peer } from './peer.js';
import { StandingClock } from './standing-clock.js';

type Config = BrokerOptions['config'];
export type Limits = Config['limits'];

// The public door does not lead to the defaults of the limits.
const { makeLimits, makeTenantLimits } = (await import(new URL('../../../core/dist/limits.js', import.meta.url).href)) as {
  makeLimits: (set: Partial<Limits>) => Limits;
  makeTenantLimits: () => NonNullable<ReturnType<NonNullable<Config['tenants']>['get']>>['limits'];
};

export interface MemoryBrokerOptions {
  readonly limits?: Partial<Limits>;
  /** Plugins by the name of their entry; all stand in every list of the one chain that they can stand in. */
  readonly plugins: Readonly<Record<string, PluginDefinition>>;
  readonly guards?: readonly string[];
  readonly authenticate: readonly string[];
  readonly authorize: readonly string[];
  /** Tenants, by the part of the username before a slash; none unless told. */
  readonly tenants?: readonly string[];
  /** Topic filters that every plugin may publish to; none unless told. */
  readonly publishTo?: readonly string[];
  /** The clock of the machine instead of one that stands still: for whoever measures. */
  readonly systemClock?: boolean;
}

/**
 * The real broker with peers that are no sockets, under a clock that stands still. Its one listener is bound, and peers are handed to it as
 * if the kernel had accepted them.
 */
export class MemoryBroker {
  readonly broker: Broker;
  readonly log: string[] = [];
  readonly clock = new StandingClock();
  readonly peers = new Set<Peer>();
  #server: Server | null = null;

  private constructor(options: MemoryBrokerOptions) {
    const sink = (line: string): void => {
      if (this.log.length < 100_000) this.log.push(line);
    };
    this.broker = new Broker({
      ...composition(options),
      log: new Logger(sink, 'warn'),
      ...(options.systemClock === true ? {} : { clock: this.clock }),
    });
  }

  static async start(options: MemoryBrokerOptions): Promise<MemoryBroker> {
    const memory = new MemoryBroker(options);
    const { prototype } = Server;
    const { listen } = prototype;
    prototype.listen = function (this: Server, ...given: unknown[]) {
      memory.#server = this;
      return Reflect.apply(listen, this, given);
    };
    try {
      await memory.broker.start();
    } finally {
      prototype.listen = listen;
    }
    // A test that fails leaves its broker behind; the process must end all the same.
    memory.#server?.unref();
    return memory;
  }

  get stats(): Broker['stats'] {
    return this.broker.stats;
  }

  connect(address?: string): Peer {
    const peer = new Peer(address);
    this.peers.add(peer);
    peer.once('close', () => this.peers.delete(peer));
    this.#server?.emit('connection', peer);
    return peer;
  }

  /** A turn of the event loop: what was sent is handled, and what is to leave leaves. */
  async turn(): Promise<void> {
    for (const peer of this.peers) peer.deliver();
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Turns until nothing is left to do. */
  async settle(turns = 6): Promise<void> {
    for (let i = 0; i < turns; i += 1) await this.turn();
  }

  async stop(): Promise<void> {
    for (const peer of [...this.peers]) peer.disappear();
    await this.broker.stop();
  }
}

function composition(options: MemoryBrokerOptions): Pick<BrokerOptions, 'config' | 'plugins'> {
  const entry = { timeoutMs: 2000, maxConcurrent: 64, maxQueue: 1000, breaker: { faults: 10, windowMs: 10_000, openMs: 2000 } };
  const plugins = Object.entries(options.plugins).map(([name, definition]) => ({
    spec: { ...entry, name, config: Object.freeze({}), onFault: 'refuse' as const, startup: 'gate' as const, publishTo: options.publishTo ?? [] },
    loaded: { definition, root: `/nowhere/${name}`, packageName: name, version: '1.0.0' },
  }));
  const { guards = [], authenticate, authorize, tenants = [] } = options;
  const chain = { name: 'default', guards, authenticate, authorize, combine: 'deny-overrides', deadlineMs: 5000 } as const;
  const answers = {
    denyPublish: 'acknowledge',
    publishFault: 'disconnect',
    partialSubscribe: 'filter',
    onRevoked: 'suspend',
    revokedGraceSeconds: 60,
    staleGraceMs: 0,
  } as const;
  const config: Config = {
    file: '/nowhere/plugins.json',
    folder: '/nowhere',
    listeners: [
      {
        name: 'local',
        scheme: 'mqtt',
        host: '127.0.0.1',
        port: 0,
        path: '',
        chain: 'default',
        tenant: tenants.length === 0 ? null : { by: 'username', separator: '/', tenantFirst: true },
        maxConnections: null,
        origins: null,
        tls: null,
        proxyProtocol: null,
        mode: 0o600,
      },
    ],
    plugins: plugins.map(({ spec }) => ({ ...spec, use: spec.name, useAt: { line: 1, column: 1 }, isolation: 'inProcess' })),
    chains: new Map([['default', { ...chain, ...answers }]]),
    tenants:
      tenants.length === 0
        ? null
        : new Map(tenants.map((name) => [name, { name, chain: null, listeners: null, limits: makeTenantLimits(), exports: [] }])),
    sessions: { clientIdOwnership: 'principal', maxExpirySeconds: 3600, perPrincipal: 10_000, useUsernameAsClientId: false },
    controlSocket: null,
    limits: makeLimits(options.limits ?? {}),
    logLevel: 'warn',
    logAllowedEvery: 0,
  };
  return { config, plugins };
}
