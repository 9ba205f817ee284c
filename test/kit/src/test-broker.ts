import { rm } from 'node:fs/promises';
import type { DecisionNews, MessageDroppedNews, PluginMessage, PublishService } from '@portcullis/sdk';
import { Broker, Logger } from 'portcullis';
import { type Clock, type GenerationInput, ManualClock } from 'portcullis/testing';
import { checkOptions } from './check-options.js';
import { Composition, type CompositionOptions } from './composition.js';
import { observer } from './standard-plugins.js';
import { TestClient, type TestClientOptions } from './test-client.js';
import { until } from './until.js';
import { WireClient } from './wire-client.js';

export interface TestBrokerOptions extends CompositionOptions {
  /**
   * `fake` (default): the broker's time stands still but for `advance`, so that deadlines, leases and breakers are tested without waiting.
   * `system`: the clock of the machine.
   */
  readonly clock?: 'fake' | 'system';
  /** Least level of the log lines that are kept; `debug` unless told. */
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error';
}

/** How many log lines, decisions and drops are kept, each. */
const MAX_KEPT = 100_000;
/** Time between two ticks of the broker's own timers, in milliseconds. */
const TICK_MS = 25;

interface Kept {
  readonly log: string[];
  readonly decisions: DecisionNews[];
  readonly drops: MessageDroppedNews[];
  publisher: PublishService | null;
}

function keeper<T>(list: T[]): (item: T) => void {
  return (item) => {
    if (list.length < MAX_KEPT) list.push(item);
  };
}

/** A thread is not moved by a clock that stands still: the broker would take it for dead as soon as that is advanced. */
function requireOneTime({ plugins }: GenerationInput): void {
  if (plugins.some(({ loaded }) => loaded.workerFile !== undefined))
    throw new Error(`a plugin in a worker needs the time of the machine: clock: 'system'`);
}

/** A real broker around plugins, inside this process, listening on a free port of the loopback interface. */
export class TestBroker {
  readonly broker: Broker;
  /** Everything that was logged, a line each. */
  readonly log: readonly string[];
  /** What was decided, in order; never holds a secret. */
  readonly decisions: readonly DecisionNews[];
  /** Messages and copies that were dropped, in order. */
  readonly drops: readonly MessageDroppedNews[];
  readonly #kept: Kept;
  readonly #composition: Composition;
  readonly #clock: ManualClock | null;
  readonly #clients = new Set<WireClient>();
  #stopped: Promise<void> | null = null;

  private constructor(broker: Broker, kept: Kept, composition: Composition, clock: ManualClock | null) {
    this.broker = broker;
    this.#kept = kept;
    this.log = kept.log;
    this.decisions = kept.decisions;
    this.drops = kept.drops;
    this.#composition = composition;
    this.#clock = clock;
  }

  static async start(options: TestBrokerOptions): Promise<TestBroker> {
    checkOptions(options);
    const kept: Kept = { log: [], decisions: [], drops: [], publisher: null };
    const mayPublish = (service: PublishService): void => {
      kept.publisher = service;
    };
    const composition = await Composition.create(options, observer({ decided: keeper(kept.decisions), dropped: keeper(kept.drops), mayPublish }));
    const clock = options.clock === 'system' ? null : new ManualClock();
    try {
      const logger = new Logger(keeper(kept.log), options.logLevel ?? 'debug');
      // Nothing is left to chance: leases end when they are over, not up to a fifth earlier.
      const given: { clock?: Clock; random: () => number } = clock === null ? { random: () => 0 } : { clock, random: () => 0 };
      const input = await composition.load();
      if (clock !== null) requireOneTime(input);
      const broker = new Broker({ ...input, log: logger, ...given });
      const running = new TestBroker(broker, kept, composition, clock);
      await running.#meanwhile(broker.start());
      return running;
    } catch (error) {
      await rm(composition.folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Folder of the configuration: `baseFolder` of the plugins. */
  get folder(): string {
    return this.#composition.folder;
  }

  get stats(): Broker['stats'] {
    return this.broker.stats;
  }

  /** Address of a listener, with the port that it really has. Throws for an unknown name. */
  url(listener = 'local'): string {
    const found = this.broker.listeners.find(({ name }) => name === listener);
    if (found === undefined) throw new Error(`there is no listener "${listener}"`);
    return found.url;
  }

  port(listener = 'local'): number {
    return Number(new URL(this.url(listener)).port);
  }

  /** A connection on which nothing was said yet. A listener with `ws://` is spoken to over WebSocket. */
  async wire(listener = 'local'): Promise<WireClient> {
    const url = this.url(listener);
    const client = await (url.startsWith('ws:') ? WireClient.connectWebSocket(url) : WireClient.connect(this.port(listener)));
    this.#clients.add(client);
    return client;
  }

  /** A client of one version of MQTT (3.1.1 unless told) that has sent nothing yet. */
  async client(options: TestClientOptions & { readonly listener?: string } = {}): Promise<TestClient> {
    return new TestClient(await this.wire(options.listener), options, () => this.#why());
  }

  /** Publishes as a plugin does, past all rights; resolves when the message is in the custody of its receivers' sessions. */
  async publish(message: PluginMessage): Promise<void> {
    await this.#kept.publisher?.publish(message);
  }

  /**
   * Moves the broker's time on. After every tick, what became due has a turn of the event loop to begin what it does; what it begins outside
   * of the broker (a file, a socket) has its own time: wait for its effect with `until`.
   */
  async advance(milliseconds: number): Promise<void> {
    const clock = this.#clock;
    if (clock === null) throw new Error('only the fake clock can be moved');
    for (let left = milliseconds; left > 0; left -= TICK_MS) {
      clock.advance(Math.min(TICK_MS, left));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Waits, in real time, until something holds: at most 5,000 milliseconds unless told. */
  async until(what: string, holds: () => boolean, waitMs?: number): Promise<void> {
    await until(what, holds, waitMs);
  }

  /** Waits for a line of the log from `since` on (a former length of `log`); resolves with it. */
  async logged(pattern: RegExp, since = 0): Promise<string> {
    const find = (): string | undefined => this.log.slice(since).find((line) => pattern.test(line));
    await until(`a log line ${pattern}`, () => find() !== undefined);
    return find() ?? '';
  }

  /** Waits for a decision at a hook; resolves with the first that fits. */
  async decided(fits: Partial<DecisionNews>): Promise<DecisionNews> {
    const find = (): DecisionNews | undefined =>
      this.decisions.find((news) => Object.entries(fits).every(([key, value]) => news[key as keyof DecisionNews] === value));
    await until(`a decision ${JSON.stringify(fits)}`, () => find() !== undefined);
    return find() as DecisionNews;
  }

  /** Writes a file into `folder`; whoever watches it sees it at its next look, for which time may have to `advance`. */
  write(name: string, text: string): Promise<void> {
    return this.#composition.write(name, text);
  }

  /** As SIGHUP with an unchanged configuration: plugins run their `onReload`. */
  reload(): Promise<void> {
    return this.#meanwhile(this.broker.reloadPlugins().then(() => {}));
  }

  /** Puts a new generation in force, with new options of `plugin` if given. Rejects, and the old one goes on, when it cannot start. */
  async reconfigure(config?: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#meanwhile(this.broker.reload(await this.#composition.load(config)));
  }

  /** Ends clients, broker and plugins, and removes the folder. Nothing is left running; calling it again waits for the same end. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    try {
      await this.#meanwhile(this.broker.stop());
    } finally {
      for (const client of this.#clients) client.reset();
      await rm(this.folder, { recursive: true, force: true });
    }
  }

  /** What else is known of a client that gets something else than its test awaits, or nothing. */
  #why(): string {
    const fault = this.log.findLast((line) => line.includes('PCL_PLUGIN_FAULT'));
    const open = this.#clock === null ? undefined : this.broker.status()?.plugins.find(({ asked }) => asked > 0);
    const waits =
      open === undefined ? '' : `\n   ${open.name} has not answered, and time stands still: await broker.advance(2000) brings its deadline`;
    return `${fault === undefined ? '' : `\n   the log says: ${fault}`}${waits}`;
  }

  /** Starts and ends of plugins have deadlines too: while one is under way, the fake clock goes as the real one does. */
  async #meanwhile(work: Promise<void>): Promise<void> {
    const clock = this.#clock;
    if (clock === null) return work;
    const pace = setInterval(() => clock.advance(TICK_MS), TICK_MS);
    try {
      await work;
    } finally {
      clearInterval(pace);
    }
  }
}

/**
 * Starts a real broker in this process around one plugin or several. Rejects, with nothing left behind, when they cannot start, and when the lists of the
 * chain were left out and a plugin taps what is asked in none of those that its manifest led to: a test of its rights or guards would test nothing.
 */
export async function startTestBroker(options: TestBrokerOptions): Promise<TestBroker> {
  const broker = await TestBroker.start(options);
  if (options.chain !== undefined) return broker;
  for (const name of Object.keys({ ...(options.plugin !== undefined && { plugin: true }), ...options.plugins })) {
    const unasked = unaskedOf(broker, name).flatMap(({ hooks }) => hooks);
    if (unasked.length === 0) continue;
    const advice = wholeChain(broker, name);
    await broker.stop();
    throw new TypeError(`${name} taps ${unasked.join(', ')}, but is asked there only with "taps" in its manifest, or ${advice}`);
  }
  return broker;
}

function unaskedOf(broker: TestBroker, name: string): TestBroker['broker']['remarks'] {
  return broker.broker.remarks.filter(({ path }) => path[1] === name);
}

/** The option that has a plugin asked for all that it taps. */
export function wholeChain(broker: TestBroker, name: string): string {
  const missing = new Set(unaskedOf(broker, name).map(({ list }) => list));
  return `chain: { ${[...missing].map((list) => `${list}: ['${name}']`).join(', ')} }`;
}
