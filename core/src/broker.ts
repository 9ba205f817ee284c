import type { PublishProperties, RetainedStore, SessionStore } from '@portcullis/sdk';
import { verifyPassword } from '@portcullis/sdk/passwords';
import { type BrokerStatus, statusOf } from './broker-status.js';
import { type Clock, systemClock, TimerWheel } from './clock.js';
import { decodePublishProperties, encodePublishProperties } from './codec/index.js';
import { type Connection, type ConnectionRoom, Descriptors, Flusher, Scratch, Strangers, Unsent } from './connection/index.js';
import { ERRORS, errorText, PortcullisError } from './errors.js';
import { makeExplain } from './explain.js';
import { Gate, type Message } from './gate/index.js';
import { chainsOf, type Generation, type GenerationInput, standingsOf, tenancyOf } from './generation.js';
import { PluginHost, type StartProblem } from './hooks/index.js';
import { Doorkeeper, type Listener, type ListenerOptions, type ListenerRoom, listenAll, RawDoor, type RawSockets } from './listeners/index.js';
import type { Logger } from './log.js';
import { PolicyEngine } from './policy/index.js';
import { Rechecks } from './rechecks.js';
import { isUsed } from './retirement.js';
import { Roster } from './roster.js';
import { Router } from './router/index.js';
import { makeServices, type RunningParts } from './services.js';
import { countDrop, type Session, SessionRegistry } from './session/index.js';
import { SessionAdmin } from './session-admin.js';
import { Stats } from './stats.js';
import { Custody, MemoryRetainedStore, MemorySessionStore } from './store/index.js';
import { Turns } from './turns.js';
import { publishWill } from './wills.js';

export interface BrokerOptions extends GenerationInput {
  readonly log: Logger;
  readonly clock?: Clock;
  /** From 0 to below 1, for spreading out what would fall due together; chance unless given. */
  readonly random?: () => number;
  /** Told when the store failed: from then on nothing durable is acknowledged. */
  readonly storeFailed?: (error: Error) => void;
}

/** How often expired retained messages are looked for, in milliseconds. */
const SWEEP_MS = 60_000;
/** How much longer than others the slices are in which rights are taken away. */
const URGENCY = 10;
const over = (): void => {};

/** The broker: composes the rooms, starts and stops them, and switches configuration generations. */
export class Broker {
  readonly stats = new Stats();
  readonly #log: Logger;
  readonly #wheel: TimerWheel;
  readonly #connections = new Roster<Connection>();
  readonly #storeFailed: ((error: Error) => void) | undefined;
  readonly #random: () => number;
  readonly #initial: GenerationInput;
  #stores: { plugin: string; sessions?: SessionStore; retained?: RetainedStore } | null = null;
  #generation: Generation | null = null;
  #parts: (RunningParts & { room: ConnectionRoom; rechecks: Rechecks }) | null = null;
  #listeners = new Map<string, Listener>();
  #generations = 0;
  /** When the generation was put in force, in milliseconds since the epoch. */
  #since = 0;
  #stopping = false;
  #busy: Promise<void> = Promise.resolve();
  /** Starts, stops and reloads that have not begun; and the plugins that a reload waits for. */
  #queued = 0;
  /** Plugins that are being started. */
  #preparing: PluginHost | null = null;
  #awaited: PluginHost | null = null;
  /** Plugins of the configuration before, which answer what they were asked. */
  #retiring: PluginHost | null = null;
  /** For administrators. */
  readonly sessions = new SessionAdmin(() => this.#parts?.room);
  /** How a question that nobody has put would end at this moment; null while it starts. */
  readonly explain = makeExplain(() => ({ parts: this.#parts, config: this.#generation?.config }));

  constructor(options: BrokerOptions) {
    this.#initial = options;
    this.#log = options.log;
    this.#storeFailed = options.storeFailed;
    this.#random = options.random ?? Math.random;
    this.#wheel = new TimerWheel(options.clock ?? systemClock, (error) => this.#invariant('a timer failed', error));
  }

  /** Names and addresses of the bound listeners. */
  get listeners(): { name: string; url: string }[] {
    return [...this.#listeners.values()].map((listener) => ({ name: listener.options.name, url: listener.url }));
  }

  /** For attributing errors that escape from plugins. */
  get pluginRoots(): PluginHost['roots'] {
    return this.#generation?.host.roots ?? [];
  }

  get remarks(): PluginHost['remarks'] {
    return this.#generation?.host.remarks ?? [];
  }

  get rereads(): PluginHost['rereads'] {
    return this.#generation?.host.rereads ?? { read: [], nothing: [] };
  }

  get sessionCount(): number {
    return this.#parts?.registry.size ?? 0;
  }

  /** A door for handles that no listener accepted, as one with these options would have it. */
  door(options: ListenerOptions, sockets: RawSockets): RawDoor {
    const room = this.#listenerRoom();
    const inForce = { options };
    return new RawDoor(room, inForce, new Doorkeeper(room, inForce), sockets);
  }

  /** Starts the plugins, then binds the listeners. Rejects, with nothing left running, when one of them cannot. */
  start(): Promise<void> {
    const started = this.#start();
    // A stop that comes meanwhile waits until this has given up.
    this.#busy = started.catch(() => {});
    return started;
  }

  async #start(): Promise<void> {
    let generation: Generation | null = null;
    try {
      generation = await this.#prepare(this.#initial);
      this.#awaited = generation.host;
      await generation.host.ready;
      this.#awaited = null;
      this.#compose(generation);
      this.#since = this.#wheel.clock.wall();
      this.#install(generation);
      this.#listeners = await listenAll(this.#listenerRoom(), generation.config.listeners, new Map());
      this.#checkDescriptors(generation);
    } catch (error) {
      for (const listener of this.#listeners.values()) await listener.close();
      await generation?.host.dispose();
      this.#wheel.stop();
      throw error;
    }
    this.#parts?.gate.tell('brokerReady', { listeners: this.listeners });
  }

  /** Puts another configuration in force, whole; rejects and changes nothing when it cannot be. */
  async reload(input: GenerationInput): Promise<void> {
    this.#mustRun();
    return this.#exclusive(() => this.#switch(input));
  }

  /** The configuration is as before: listeners and plugins read again what they keep outside of it. Resolves with what they could not use. */
  async reloadPlugins(): Promise<readonly StartProblem[]> {
    this.#mustRun();
    return this.#exclusive(async () => {
      const listeners = await Promise.all(
        [...this.#listeners.values()].map(async (listener) => {
          const message = (await listener.refresh?.()) ?? null;
          return message === null ? [] : [{ path: ['listeners', listener.options.name, 'tls'], message }];
        }),
      );
      return [...listeners.flat(), ...((await this.#generation?.host.reload()) ?? [])];
    });
  }

  /**
   * Says that a reload is on its way: one that waits for a backend would hold it up for as long as that is down, and gives way. Throws while the
   * broker starts. Call what it returns when the reload itself has begun, or is not to come.
   */
  announceReload(): () => void {
    this.#mustRun();
    return this.#announce();
  }

  /** What it is doing at this moment, for people; null while it starts. */
  status(): BrokerStatus | null {
    const generation = this.#generation;
    return generation === null ? null : statusOf(generation, this.#since, this.#listeners.values(), this.stats, this.#parts?.router);
  }

  /** Tells clients, closes everything and ends the plugins. */
  async stop(): Promise<void> {
    if (this.#stopping) return this.#busy;
    this.#stopping = true;
    void this.#retiring?.dispose();
    return this.#exclusive(() => this.#stop());
  }

  #mustRun(): void {
    if (this.#generation === null) throw new PortcullisError(ERRORS.config, 'the broker is still starting');
  }

  async #stop(): Promise<void> {
    const closing = [...this.#listeners.values()].map((listener) => listener.close());
    this.#parts?.gate.tell('brokerStopping', { listeners: this.listeners });
    for (const connection of this.#connections.all()) connection.end(ERRORS.shuttingDown.reasonCode, 'the broker stops');
    this.#parts?.room.flusher.flush();
    await Promise.all(closing);
    await this.#generation?.host.dispose();
    await this.#parts?.custody.sessions.close();
    await this.#parts?.custody.retained.close();
    this.#wheel.stop();
  }

  #announce(): () => void {
    this.#queued += 1;
    // A reload that waits for a backend would hold up everything behind it for as long as that is down, the end of the broker, too.
    void this.#awaited?.dispose();
    if (this.#stopping) void this.#preparing?.dispose();
    let open = true;
    return () => {
      if (open) this.#queued -= 1;
      open = false;
    };
  }

  /** Starts and stops and reloads never overlap. */
  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const begun = this.#announce();
    const next = this.#busy.then(() => {
      begun();
      return work();
    });
    this.#busy = next.then(over, over);
    return next;
  }

  async #prepare(input: GenerationInput): Promise<Generation> {
    const engine = new PolicyEngine();
    this.#generations += 1;
    const { config, plugins } = input;
    engine.onChange = (plugin, _names, inUse) => this.#parts?.rechecks.rulesChanged(plugin, inUse);
    const services = makeServices({
      engine,
      publishTo: new Map(plugins.map(({ spec }) => [spec.name, spec.publishTo])),
      parts: () => this.#parts,
      reload: (concerns, plugin, version) => this.#parts?.rechecks.invalidate(concerns, plugin, version),
      provideStores: (plugin, stores) => this.#provide(plugin, stores),
    });
    const host: PluginHost = new PluginHost({
      plugins,
      chains: [...config.chains.values()],
      services,
      log: this.#log,
      stats: this.stats,
      wheel: this.#wheel,
      limits: config.limits,
      baseFolder: config.folder,
      verify: verifyPassword,
      changed: () => this.#tapsChanged(host),
    });
    this.#preparing = host;
    try {
      await host.prepare();
    } finally {
      this.#preparing = null;
    }
    return { number: this.#generations, config, host, engine };
  }

  /** Waits for the plugins of a reload, but not while something else is to be done. */
  async #readyAlone(host: PluginHost): Promise<void> {
    if (!host.waits) return;
    this.#awaited = host;
    try {
      if (this.#queued === 0) await host.ready;
    } catch (error) {
      if (this.#queued === 0) throw error;
    } finally {
      this.#awaited = null;
    }
    if (this.#queued > 0) throw new PortcullisError(ERRORS.config, 'overtaken by what came after it');
  }

  #provide(plugin: string, stores: { sessions?: SessionStore; retained?: RetainedStore }): void {
    // A running broker's sessions are in its store: another one would not know them.
    if (this.#parts !== null) return;
    if (this.#stores !== null && this.#stores.plugin !== plugin) throw new Error(`the store is provided by plugin "${this.#stores.plugin}" already`);
    this.#stores = { ...this.#stores, plugin, ...stores };
  }

  #compose({ config }: Generation): void {
    const { limits } = config;
    const log = this.#log;
    const wheel = this.#wheel;
    const { stats } = this;
    const custody = new Custody(
      this.#stores?.sessions ?? new MemorySessionStore(),
      this.#stores?.retained ?? new MemoryRetainedStore(),
      (error) => log.error({ code: ERRORS.store.code, error }, 'the store refused a change: nothing that depends on it is acknowledged'),
      (error) => {
        log.error({ code: ERRORS.store.code, error }, 'the store failed: nothing durable is acknowledged any more');
        this.#storeFailed?.(error);
      },
    );
    const properties = { decode: (bytes: Buffer) => decodePublishProperties(bytes) as PublishProperties, encode: encodePublishProperties };
    const gate = new Gate({ wheel, limits, log, stats, properties, sessionRules: config.sessions, random: this.#random });
    const router = new Router({ limits, stats, custody, clock: wheel.clock });
    const turns = new Turns(wheel.clock, (error) => this.#invariant('work that had waited its turn failed', error));
    const urgent = new Turns(wheel.clock, (error) => this.#invariant('a change of rights that had waited its turn failed', error), URGENCY);
    const shared = { gate, router, custody, wheel, turns, urgent, limits, stats, log };
    router.onGroupDrop = (domain, topic, count) => {
      countDrop(shared, 'no-group-member', null, domain.tenant === '' ? null : domain.tenant, topic, count);
    };
    const willDue = (session: Session, message: Message, judged: () => void): void => {
      if (this.#parts !== null) publishWill(this.#parts.room, this.#parts.rechecks, session, message, judged);
    };
    const registry = new SessionRegistry(shared, willDue);
    const forget = (connection: object): void => void this.#connections.delete(connection as Connection);
    const strangers = new Strangers(shared);
    const descriptors = new Descriptors(limits, () => stats.connectionsOpen + strangers.refusing + stats.proxyHeadersAwaited);
    const bounds = { strangers, descriptors, unsent: new Unsent(shared) };
    const room: ConnectionRoom = { ...shared, ...bounds, registry, flusher: new Flusher(), scratch: new Scratch(), forget };
    this.#parts = { ...shared, registry, room, rechecks: new Rechecks(room) };
    const sweep = (): void => {
      router.sweep();
      wheel.after(SWEEP_MS, sweep);
    };
    wheel.after(SWEEP_MS, sweep);
  }

  /** Everything that is open from the start is: what is left is for connections. */
  #checkDescriptors({ config: { limits } }: Generation): void {
    const { descriptors } = this.#parts?.room ?? {};
    if (descriptors === undefined) return;
    descriptors.count(this.#wheel.clock.now());
    const [connections, maxConnections] = [descriptors.connections, limits.maxConnections];
    if (connections < maxConnections) this.#log.warn({ connections, maxConnections }, 'the process may open too few files for maxConnections');
  }

  #install(generation: Generation): void {
    this.#generation = generation;
    const { config, host } = generation;
    const tenancy = tenancyOf(generation);
    this.#parts?.gate.stand(standingsOf(generation), host.global, config.sessions, config.logAllowedEvery, chainsOf(config), tenancy);
    this.#parts?.router.adopt(tenancy.tenants);
  }

  /** A plugin that was down is there: what each client must be asked for is looked at anew. */
  #tapsChanged(host: PluginHost): void {
    const generation = this.#generation;
    if (generation === null || this.#parts === null || generation.host !== host) return;
    this.#install(generation);
    for (const session of this.#parts.registry.sessions()) {
      const { client } = session;
      client.stand(client.standing, client.binding, client.sources);
    }
    this.#parts.rechecks.tapsChanged();
  }

  #listenerRoom(): ListenerRoom {
    const parts = this.#parts;
    if (parts === null) throw new PortcullisError(ERRORS.invariant, 'a listener before the broker');
    return {
      connections: parts.room,
      opened: (connection) => {
        this.#connections.add(connection as Connection);
        return () => void this.#connections.delete(connection as Connection);
      },
    };
  }

  async #switch(input: GenerationInput): Promise<void> {
    const old = this.#generation;
    if (old === null || this.#parts === null || this.#stopping) throw new PortcullisError(ERRORS.config, 'the broker is not running');
    if (JSON.stringify(input.config.limits) !== JSON.stringify(old.config.limits)) {
      throw new PortcullisError(ERRORS.config, 'limits cannot change while the broker runs; restart it for that');
    }
    const generation = await this.#prepare(input);
    let listeners: Map<string, Listener>;
    try {
      await this.#readyAlone(generation.host);
      listeners = await listenAll(this.#listenerRoom(), generation.config.listeners, this.#listeners);
    } catch (error) {
      await generation.host.dispose();
      throw error;
    }
    const staying = new Set(listeners.values());
    const gone = [...this.#listeners.values()].filter((listener) => !staying.has(listener));
    this.#listeners = listeners;
    for (const options of generation.config.listeners) listeners.get(options.name)?.adopt(options);
    this.#since = this.#wheel.clock.wall();
    const before = this.#parts.gate.tenancy;
    this.#install(generation);
    this.#parts.rechecks.newGeneration(chainsOf(generation.config), before);
    // Not awaited: `close` waits for connections that stay.
    for (const listener of gone) void listener.close();
    this.#retiring = old.host;
    const { gate, registry } = this.#parts.room;
    await old.host.retire(() => isUsed(old.number, gate, registry));
    this.#retiring = null;
  }

  #invariant(what: string, error: unknown): void {
    this.stats.invariantsBroken += 1;
    this.#log.error({ code: ERRORS.invariant.code, cause: errorText(error), stack: error instanceof Error ? error.stack : undefined }, what);
  }
}
