import { copyFileSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BrokerProcess, temporaryFolder, writeFiles } from '../support/broker-process.js';
import { Authority } from '../support/certificates.js';
import { untilChanged } from '../support/until-changed.js';
import { TRANSPORTS, type Transport } from './cells.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const WAIT_MS = 15_000;
const COPIED = ['faulty-plugin.js', 'misbehave.js', 'meant.js', 'cells.js', 'moments.js', 'ways.js', 'lives.js'];
const SCHEMES: Readonly<Record<Transport, string>> = {
  tcp: 'mqtt://127.0.0.1:0',
  tls: 'mqtts://127.0.0.1:0',
  ws: 'ws://127.0.0.1:0/mqtt',
  wss: 'wss://127.0.0.1:0/mqtt',
};

/** An entry of `plugins.json` whose plugin is the faulty one. */
export interface FaultyEntry {
  readonly taps: readonly string[];
  /** More of its `config`. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** More of its entry. */
  readonly entry?: Readonly<Record<string, unknown>>;
  /** What its manifest lists in place of the usual, by hook. */
  readonly decides?: Readonly<Record<string, readonly string[]>>;
}

export interface FaultyBrokerOptions {
  readonly plugins: Readonly<Record<string, FaultyEntry>>;
  readonly chains: Readonly<Record<string, object>>;
  /** Chains that are reached over every transport; others have a TCP listener of their name. */
  readonly everywhere?: readonly string[];
  /** A chain that is reached through a proxy as well. */
  readonly proxied?: string;
}

interface FaultyDocument {
  plugins: Record<string, { config: Record<string, unknown> }>;
}

/** A `portcullis` process whose plugins fail when a client's name says so, and what they report. */
export class FaultyBroker {
  readonly broker: BrokerProcess;
  readonly ca: string;
  /** Numbers of cells whose question was put, given up by the host, and answered after disposal. */
  readonly asked = new Set<number>();
  readonly over = new Set<number>();
  readonly said = new Set<number>();
  /** Cells whose way of failing would have tried nothing, and those about whom a later authority was asked. */
  readonly vacuous: number[] = [];
  readonly next: string[] = [];
  /** News that a plugin failed at, as `hook way number`. */
  readonly told = new Set<string>();
  readonly #folder: string;
  readonly #server: Server;
  readonly #document: FaultyDocument;
  readonly #links = new Map<string, Socket>();
  readonly #changed = new Set<() => void>();
  /** What the healthy plugin answered, by command. */
  readonly #answers = new Map<string, string>();

  private constructor(folder: string, server: Server, document: FaultyDocument, ca: string, broker: BrokerProcess) {
    this.#folder = folder;
    this.#server = server;
    this.#document = document;
    this.ca = ca;
    this.broker = broker;
  }

  static async start(options: FaultyBrokerOptions): Promise<FaultyBroker> {
    const folder = temporaryFolder();
    const socket = join(folder, 'faulty.sock');
    const authority = await Authority.create();
    const pair = await authority.issue();
    writeFiles(folder, { 'cert.pem': pair.cert, 'key.pem': pair.key });
    install(folder, options);
    const document = configuration(options, socket);
    writeFiles(folder, { 'plugins.json': document });
    const early: [Socket, string][] = [];
    let attend = (peer: Socket, line: string): void => void early.push([peer, line]);
    const server = createServer((peer) => readLines(peer, (line) => attend(peer, line)));
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    try {
      const broker = await BrokerProcess.start({ folder });
      const self = new FaultyBroker(folder, server, document as unknown as FaultyDocument, authority.pem, broker);
      attend = (peer, line) => self.#heard(peer, line);
      for (const [peer, line] of early) self.#heard(peer, line);
      return self;
    } catch (error) {
      server.close();
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Ends the broker; gives its exit code. */
  async stop(): Promise<number | NodeJS.Signals> {
    const code = await this.broker.stop();
    this.#server.close();
    rmSync(this.#folder, { recursive: true, force: true });
    return code;
  }

  port(chain: string, transport: Transport): number {
    return this.broker.port(`${chain}-${transport}`);
  }

  /** Waits until what the plugins report fulfils a condition. */
  until(what: string, reached: () => boolean): Promise<void> {
    return untilChanged(this.#changed, reached, WAIT_MS, () => `awaited ${what} for ${WAIT_MS} ms`);
  }

  /** Counters of the broker, as a plugin reads them. */
  async stats(...names: readonly string[]): Promise<readonly number[]> {
    return (await this.#ask('stats', names.join(','))).split(',').map(Number);
  }

  /** Topics of retained messages, as a plugin reads them: on the wire nothing says which was the last. */
  async retained(filter: string): Promise<readonly string[]> {
    const topics = await this.#ask('retained', filter);
    return topics === '' ? [] : topics.split(',');
  }

  /** Has a plugin invalidate the rights of a client. */
  invalidate(clientId: string): void {
    this.#links.get('next')?.write(`invalidate ${clientId}\n`);
  }

  /** Has a plugin disposed of and made anew, by a reload with another configuration. */
  async replace(plugin: string, change: Readonly<Record<string, unknown>>): Promise<void> {
    const entry = this.#document.plugins[plugin];
    if (entry === undefined) throw new Error(`there is no plugin ${plugin}`);
    entry.config = { ...entry.config, ...change };
    writeFiles(this.#folder, { 'plugins.json': this.#document });
    const since = this.broker.output.length;
    this.broker.signal('SIGHUP');
    await this.broker.waitForOutput(/reloaded the configuration/, since);
  }

  async #ask(command: string, argument: string): Promise<string> {
    this.#answers.delete(command);
    this.#links.get('next')?.write(`${command} ${argument}\n`);
    await this.until(`the answer of a plugin to ${command}`, () => this.#answers.has(command));
    return this.#answers.get(command) ?? '';
  }

  #heard(peer: Socket, line: string): void {
    const [what = '', argument = '', ...more] = line.split(' ');
    if (what === 'hello') this.#links.set(argument, peer);
    else if (what === 'asked') this.asked.add(Number(argument));
    else if (what === 'over') this.over.add(Number(argument));
    else if (what === 'said') this.said.add(Number(argument));
    else if (what === 'vacuous') this.vacuous.push(Number(argument));
    else if (what === 'next') this.next.push(`${argument} ${more.join(' ')}`);
    else if (what === 'told') this.told.add(`${argument} ${more.join(' ')}`);
    else if (what === 'stats' || what === 'retained') this.#answers.set(what, argument);
    for (const check of [...this.#changed]) check();
  }
}

function readLines(peer: Socket, heard: (line: string) => void): void {
  let unread = '';
  peer.on('error', () => {});
  peer.setEncoding('utf8').on('data', (text: string) => {
    const lines = (unread + text).split('\n');
    unread = lines.pop() ?? '';
    for (const line of lines) heard(line);
  });
}

/** Copies the plugin out of the repository, once for each manifest; the SDK is all that it finds there. */
function install(folder: string, { plugins }: FaultyBrokerOptions): void {
  for (const [name, { taps, decides = {} }] of Object.entries(plugins)) {
    const home = join(folder, name);
    mkdirSync(join(home, 'node_modules', '@portcullis'), { recursive: true });
    symlinkSync(join(ROOT, 'sdk'), join(home, 'node_modules', '@portcullis', 'sdk'));
    for (const file of COPIED) copyFileSync(fileURLToPath(new URL(file, import.meta.url)), join(home, file));
    writeFiles(home, {
      'package.json': {
        name: `faulty-${name}`,
        version: '1.0.0',
        type: 'module',
        exports: './index.js',
        dependencies: { '@portcullis/sdk': '^1.0.0' },
      },
      'index.js': [
        "import { definePlugin } from '@portcullis/sdk';",
        "import { faulty } from './faulty-plugin.js';",
        // A manifest names what the plugin answers; one that names more would have to stand in a chain.
        `const taps = new Set(${JSON.stringify(taps)});`,
        `const decides = { ...faulty.decides, ...${JSON.stringify(decides)} };`,
        'const own = Object.fromEntries(Object.entries(decides).filter(([hook]) => taps.has(hook)));',
        'export default definePlugin({ ...faulty, decides: own });',
      ].join('\n'),
    });
  }
}

function configuration({ plugins, chains, everywhere = [], proxied }: FaultyBrokerOptions, socket: string): object {
  const tls = { cert: 'cert.pem', key: 'key.pem' };
  const listeners: Record<string, object> = {};
  for (const chain of Object.keys(chains)) {
    for (const transport of everywhere.includes(chain) ? TRANSPORTS : (['tcp'] as const)) {
      const listener = { url: SCHEMES[transport], chain, ...(transport === 'tls' || transport === 'wss' ? { tls } : {}) };
      listeners[`${chain}-${transport}`] = listener;
      if (chain === proxied) listeners[`proxied-${transport}`] = { ...listener, proxyProtocol: { trusted: ['127.0.0.1'] } };
    }
  }
  const entries = Object.entries(plugins).map(([name, { taps, config = {}, entry = {} }]) => [
    name,
    { use: `./${name}`, isolation: 'inProcess', config: { socket, me: name, taps, ...config }, ...entry },
  ]);
  return { version: 1, listeners, plugins: Object.fromEntries(entries), chains, limits: { connectTimeoutMs: 60_000, pluginDrainMs: 100 } };
}
