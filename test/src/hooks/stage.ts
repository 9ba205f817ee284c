import { copyFileSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BrokerProcess, temporaryFolder, writeFiles } from '../support/broker-process.js';
import { type ConnectFields, connect5, connect31, connect311 } from '../support/packets.js';
import { untilChanged } from '../support/until-changed.js';
import { WireClient } from '../support/wire-client.js';
import { type ActorEvent, actor, type Script } from './actor.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const WAIT_MS = 5000;
const MANY = 1000;

export interface ActorOptions {
  readonly taps?: readonly string[];
  readonly methods?: readonly string[];
  readonly stores?: readonly string[];
  /** Another definition than the usual one: its `index.js`. */
  readonly index?: string;
  /** More of its entry in `plugins.json`. */
  readonly entry?: Readonly<Record<string, unknown>>;
}

export interface StageOptions {
  readonly actors: Readonly<Record<string, ActorOptions>>;
  /** By name; each gets a TCP listener of its own name. */
  readonly chains: Readonly<Record<string, object>>;
  /** Chains with a WebSocket listener, `<name>-web`, besides. */
  readonly web?: readonly string[];
  readonly more?: Readonly<Record<string, unknown>>;
  /** Where the actors live; inside the broker unless told. */
  readonly isolation?: 'inProcess' | 'worker';
}

/** What the versions of MQTT call themselves here. */
export const VERSIONS = ['3.1', '3.1.1', '5.0'] as const;
export type Version = (typeof VERSIONS)[number];

interface Link {
  readonly socket: Socket;
  readonly answers: Map<number, { resolve(value: unknown): void; reject(error: Error): void }>;
}

/** A broker process whose plugins are actors, and the strings by which a test holds them. */
export class Stage {
  readonly broker: BrokerProcess;
  readonly events: ActorEvent[] = [];
  readonly #server: Server;
  readonly #folder: string;
  readonly #links: Map<string, Link>;
  readonly #changed: Set<() => void>;
  #nextId = 1;

  private constructor(
    broker: BrokerProcess,
    server: Server,
    folder: string,
    links: Map<string, Link>,
    events: ActorEvent[],
    changed: Set<() => void>,
  ) {
    this.broker = broker;
    this.#server = server;
    this.#folder = folder;
    this.#links = links;
    this.events = events;
    this.#changed = changed;
  }

  static async start(options: StageOptions): Promise<Stage> {
    const folder = temporaryFolder();
    const socket = join(folder, 'stage.sock');
    const links = new Map<string, Link>();
    const events: ActorEvent[] = [];
    const changed = new Set<() => void>();
    const server = createServer((peer) => attend(peer, links, events, changed));
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    install(folder, options);
    try {
      const broker = await BrokerProcess.start({ folder, files: { 'plugins.json': configuration(options, socket) } });
      return new Stage(broker, server, folder, links, events, changed);
    } catch (error) {
      server.close();
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  async stop(): Promise<number | NodeJS.Signals> {
    const code = await this.broker.stop();
    this.#server.close();
    rmSync(this.#folder, { recursive: true, force: true });
    return code;
  }

  /** Gives an actor its script, in place of the one before; what it held is let go. */
  async script(actor: string, script: Script = {}): Promise<void> {
    await this.#command(actor, { script });
  }

  /** Lets an actor answer what it held. */
  async release(actor: string): Promise<void> {
    await this.#command(actor, { release: true });
  }

  async escape(actor: string, how: 'throw' | 'reject' | 'emitter' | 'timer'): Promise<void> {
    await this.#command(actor, { escape: how });
  }

  /** Calls a service of an actor's, as `sessions.find`, or one of its stores, as `store.hold` with the store's name first. */
  call(actor: string, name: string, ...args: readonly unknown[]): Promise<unknown> {
    return this.#command(actor, { call: name, args });
  }

  /** What an actor was asked or told on a hook since the beginning, or since the last `forget`. */
  of(actor: string, hook: string): readonly Readonly<Record<string, unknown>>[] {
    return this.events.filter((event) => event.actor === actor && event.hook === hook).map((event) => event.request);
  }

  /** The same, behind a round trip to the actor: what clients see may be faster than what it reports. */
  async asked(actor: string, hook: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    await this.#command(actor, { ping: true });
    return this.of(actor, hook);
  }

  /** Waits until an actor was asked or told on a hook, so that it fits. */
  async heard(actor: string, hook: string, fits: (request: never) => boolean = () => true): Promise<Readonly<Record<string, unknown>>> {
    const find = (): Readonly<Record<string, unknown>> | undefined => this.of(actor, hook).find((request) => fits(request as never));
    const missed = (): string => `awaited that ${actor} hears of ${hook}; heard was\n${this.#heardOf(actor)}`;
    await untilChanged(this.#changed, () => find() !== undefined, WAIT_MS, missed);
    return find() as Readonly<Record<string, unknown>>;
  }

  /** Forgets what was heard, also what is still on its way: each actor has its own, and what clients see may be faster. */
  async forget(): Promise<void> {
    await Promise.all([...this.#links.keys()].map((actor) => this.#command(actor, { ping: true })));
    this.events.length = 0;
  }

  /** A connection to the listener of a chain, without a CONNECT. */
  open(chain = 'main'): Promise<WireClient> {
    return WireClient.connect(this.broker.port(chain));
  }

  /** A client that has sent its CONNECT. */
  async knock(version: Version, fields: ConnectFields, chain = 'main'): Promise<WireClient> {
    const client = await this.open(chain);
    client.send(connectPacket(version, fields));
    return client;
  }

  /** A client that is accepted. */
  async login(version: Version, fields: ConnectFields, chain = 'main'): Promise<WireClient> {
    const client = await this.knock(version, { username: 'user', ...fields }, chain);
    const connack = await client.readPacket('CONNACK');
    if (connack.slice(9, 11) !== '00')
      throw new Error(`awaited a CONNACK with success, came [${connack}]; the broker printed\n${this.broker.output}`);
    return client;
  }

  #heardOf(actor: string): string {
    return this.events
      .filter((event) => event.actor === actor)
      .map((event) => `${event.hook} ${JSON.stringify(event.request)}`)
      .join('\n');
  }

  #command(actor: string, command: object): Promise<unknown> {
    const link = this.#links.get(actor);
    if (link === undefined) throw new Error(`there is no actor ${actor}`);
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${actor} did not answer to ${JSON.stringify(command)}`)), WAIT_MS);
      const settled = (): void => clearTimeout(timer);
      link.answers.set(id, {
        resolve: (value) => {
          settled();
          resolve(value);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      });
      link.socket.write(`${JSON.stringify({ id, ...command }, encode)}\n`);
    });
  }
}

export function connectPacket(version: Version, fields: ConnectFields): string {
  if (version === '3.1') return connect31(fields);
  return version === '3.1.1' ? connect311(fields) : connect5(fields);
}

/** Bytes as they travel to actors. */
export function bytes(text: string): { readonly $bytes: string } {
  return { $bytes: Buffer.from(text).toString('hex') };
}

/** Rules of one effect for all three actions. */
export function rules(effect: 'allow' | 'deny', ...patterns: readonly string[]): readonly object[] {
  return patterns.map((pattern) => ({ effect, actions: ['publish', 'subscribe', 'receive'], pattern, from: `test:${pattern}` }));
}

/** A CONNACK that refuses, whole. */
export function refusal(version: Version, code3: number, code5: number): string {
  const code = (version === '5.0' ? code5 : code3).toString(16).padStart(2, '0');
  return version === '5.0' ? `20 03 00 ${code} 00` : `20 02 00 ${code}`;
}

function attend(peer: Socket, links: Map<string, Link>, events: ActorEvent[], changed: Set<() => void>): void {
  const link: Link = { socket: peer, answers: new Map() };
  let name = '';
  let unread = '';
  peer.on('error', () => {});
  peer.setEncoding('utf8').on('data', (text: string) => {
    const lines = (unread + text).split('\n');
    unread = lines.pop() ?? '';
    for (const line of lines) {
      const said = JSON.parse(line) as { hello?: string; id?: number; result?: unknown; error?: string } & Omit<ActorEvent, 'actor'>;
      if (said.hello !== undefined) {
        name = said.hello;
        links.set(name, link);
        peer.write(`${JSON.stringify({ id: 0, script: {} })}\n`);
      } else if (said.id === undefined) events.push({ actor: name, hook: said.hook, request: said.request });
      else if (said.error === undefined) link.answers.get(said.id)?.resolve(said.result);
      else link.answers.get(said.id)?.reject(new Error(said.error));
    }
    for (const check of [...changed]) check();
  });
}

function encode(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? { $bytes: Buffer.from(value).toString('hex') } : value;
}

/** Copies the actor out of the repository; the SDK is all that it finds there. */
function install(folder: string, { actors, isolation }: StageOptions): void {
  // A store cannot be provided from a worker.
  const capabilities = actor.capabilities.filter((capability) => isolation !== 'worker' || capability !== 'stores');
  for (const [name, { index, taps = [] }] of Object.entries(actors)) {
    const home = join(folder, name);
    mkdirSync(join(home, 'node_modules', '@portcullis'), { recursive: true });
    symlinkSync(join(ROOT, 'sdk'), join(home, 'node_modules', '@portcullis', 'sdk'));
    for (const file of ['actor.js', 'scripted-store.js']) copyFileSync(fileURLToPath(new URL(file, import.meta.url)), join(home, file));
    writeFiles(home, {
      'package.json': {
        name: `actor-${name}`,
        version: '1.0.0',
        type: 'module',
        exports: './index.js',
        dependencies: { '@portcullis/sdk': '^1.0.0' },
      },
      // A manifest names what the plugin answers; one that names more would have to stand in a chain.
      'index.js':
        index ?? usualIndex({ capabilities, decides: Object.fromEntries(Object.entries(actor.decides).filter(([hook]) => taps.includes(hook))) }),
    });
  }
}

/** The module of an actor whose definition differs from the usual one. */
export function usualIndex(change: object): string {
  return [
    "import { definePlugin } from '@portcullis/sdk';",
    "import { actor } from './actor.js';",
    `export default definePlugin({ ...actor, ...${JSON.stringify(change)} });`,
  ].join('\n');
}

function configuration({ actors, chains, web = [], more = {}, isolation = 'inProcess' }: StageOptions, socket: string): object {
  const listeners: Record<string, unknown> = {};
  for (const chain of Object.keys(chains)) listeners[chain] = { url: 'mqtt://127.0.0.1:0', chain };
  for (const chain of web) listeners[`${chain}-web`] = { url: 'ws://127.0.0.1:0/mqtt', chain };
  const plugins = Object.entries(actors).map(([name, { taps = [], methods = [], stores = [], entry = {} }]) => [
    name,
    {
      use: `./${name}`,
      isolation,
      // Faults are what these tests are about: none of them is to open the breaker.
      breaker: { faults: MANY },
      config: { socket, taps, methods, stores },
      ...entry,
    },
  ]);
  return { version: 1, log: { level: 'debug' }, listeners, plugins: Object.fromEntries(plugins), chains, ...more };
}
