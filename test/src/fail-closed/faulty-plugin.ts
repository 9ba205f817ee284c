import { connect, type Socket } from 'node:net';
import type { Decision, HookName, PluginContext, PluginDefinition } from '@portcullis/sdk';
import { type Addressed, actorOf, cellBehind, cellIn } from './cells.js';
import { lifeIn, versionOf } from './lives.js';
import { isMeant } from './meant.js';
import { misbehave, permit, type Verbs } from './misbehave.js';
import { MOMENTS, OBSERVERS } from './moments.js';
import type { NewsWayName } from './ways.js';

// A plugin that fails when a client's name says so. It is copied out of the repository and has the SDK as its only dependency.

interface FaultyConfig {
  readonly socket: string;
  /** Who it is among several of its kind. */
  readonly me: string;
  readonly taps: readonly string[];
  /** Changed by a reload, so that the plugin is made anew. */
  readonly epoch?: number;
  /** For news of the process: the way in which this one fails. */
  readonly way?: string;
}

type Request = Readonly<Record<string, unknown>>;
type Tap = (...given: readonly unknown[]) => void;
const LEASE_SECONDS = 0.1;

class Faulty {
  readonly #context: PluginContext;
  readonly #config: FaultyConfig;
  readonly #socket: Socket;
  /** A decision and verbs of a question that was answered long ago, by hook. */
  readonly #kept = new Map<HookName, { decision: Decision; verbs: Verbs }>();
  /** How often a client's will was asked about. */
  readonly #wills = new Map<number, number>();
  #held: (() => void)[] = [];

  constructor(context: PluginContext, config: FaultyConfig) {
    this.#context = context;
    this.#config = config;
    this.#socket = connect(config.socket);
    this.#socket.on('error', () => {});
    this.#socket.setEncoding('utf8').on('data', (text: string) => text.split('\n').map((line) => line !== '' && this.#obey(line)));
    context.onDispose(() => {
      // When the host has done with the plugin: what it says now it says after its disposal.
      setImmediate(() => {
        for (const go of this.#held.splice(0)) go();
        this.#socket.end();
      });
    });
    for (const hook of config.taps) this.#tap(hook as HookName);
  }

  begin(): Promise<void> {
    this.#tell(`hello ${this.#config.me}`);
    return new Promise((resolve, reject) => {
      this.#socket.once('connect', resolve);
      this.#socket.once('error', reject);
    });
  }

  #tap(hook: HookName): void {
    const { tap } = (this.#context.hooks as unknown as Readonly<Record<HookName, { readonly tap: Tap }>>)[hook];
    if (OBSERVERS.includes(hook)) tap((news: Request) => this.#told(hook, news));
    else if (hook === 'authenticateEnhanced') tap('M', (request: Request, verbs: Verbs) => this.#asked(hook, request, verbs));
    else tap((request: Request, verbs: Verbs) => this.#asked(hook, request, verbs));
  }

  #asked(hook: HookName, request: Request, verbs: Verbs): unknown {
    const cell = cellOf(hook, request);
    const good = (by: Verbs = verbs): Decision => permit(hook, by, this.#leaseOf(hook, cell));
    if (cell !== null && this.#config.me === 'next') this.#tell(`next ${cell.number} ${hook}`);
    const isOther = cell === null || actorOf(cell) !== this.#config.me || hook !== MOMENTS[cell.moment].hook || !this.#isTheOne(cell, request);
    if (!isOther) this.#tell(`asked ${cell.number}`);
    // The first tenant counts: the plugin whose turn it is would not be asked any more.
    if (isOther && cell?.moment === 'tenant' && hook === 'resolveTenant') return (verbs.nothing as () => Decision)();
    if (isOther || cell.way === 'healthy') {
      this.#kept.set(hook, { decision: good(), verbs });
      // A narrow manifest may not list what everybody else may say; the rules allow all.
      return hook === 'authorize' && this.#config.me.startsWith('narrow') ? (verbs.skip as () => Decision)() : good();
    }
    const kept = this.#kept.get(hook);
    // Without one the case would pass for the wrong reason.
    if (kept === undefined && /kept/i.test(cell.way)) this.#tell(`vacuous ${cell.number}`);
    const signal = request.signal as AbortSignal | undefined;
    signal?.addEventListener('abort', () => this.#tell(`over ${cell.number}`));
    const disposed = (go: () => void): void => {
      this.#held.push(() => {
        go();
        this.#tell(`said ${cell.number}`);
      });
    };
    const way = this.#config.epoch === 2 && cell.way === 'disposed' ? 'throw' : cell.way;
    return misbehave({ way, hook, verbs, kept, signal, good, disposed, lease: this.#leaseOf(hook, cell) });
  }

  #isTheOne(cell: Addressed, request: Request): boolean {
    const { which } = MOMENTS[cell.moment];
    let times = 0;
    if (request.will === true) {
      times = (this.#wills.get(cell.number) ?? 0) + 1;
      this.#wills.set(cell.number, times);
    }
    return isMeant(which, request, times);
  }

  #leaseOf(hook: HookName, cell: Addressed | null): number | null {
    const isShort = (cell?.moment === 'refresh' && hook === 'authenticate') || (cell?.moment === 'policyLease' && hook === 'loadPolicy');
    return isShort ? LEASE_SECONDS : null;
  }

  #told(hook: HookName, news: Request): unknown {
    const life = this.#config.way === undefined ? lifeIn(hook, news) : { way: this.#config.way as NewsWayName, number: 0 };
    if (life === null) return undefined;
    this.#tell(`told ${hook} ${life.way} ${life.number}`);
    if (life.way === 'change') return Object.assign(news, { clientId: 'changed', topic: 'changed' });
    if (life.way === 'decision') return { kind: 'allow', allow: true };
    return misbehave({ way: life.way, hook });
  }

  #obey(line: string): void {
    const [what, argument = ''] = line.split(' ');
    if (what === 'stats') {
      const names = argument.split(',');
      const { stats } = this.#context as unknown as { stats: { get(name: string): number } };
      this.#tell(`stats ${names.map((name) => stats.get(name)).join(',')}`);
    } else if (what === 'retained') {
      const found = this.#context.retained.match(argument, { tenant: 'acme', limit: 100_000 });
      this.#tell(`retained ${found.map(({ topic }) => topic).join(',')}`);
    } else if (what === 'invalidate') this.#context.policy.invalidate({ clientId: argument }, versionOf(argument));
  }

  #tell(line: string): void {
    this.#socket.write(`${line}\n`);
  }
}

/** The cell that a question belongs to; null for clients that are none of the matrix. */
function cellOf(hook: HookName, request: Request): Addressed | null {
  if (hook === 'acceptConnection') return cellBehind((request.connection as { address: string }).address);
  if (hook === 'upgradeWebSocket') return cellIn(String(request.userAgent ?? ''));
  return cellIn((request.client as { id: string }).id);
}

export const faulty = {
  name: 'faulty',
  sdk: '^1.0.0',
  decides: {
    authenticate: ['allow', 'deny', 'skip'],
    authenticateEnhanced: ['allow', 'deny', 'continue'],
    refreshIdentity: ['allow', 'deny'],
    authorize: ['allow', 'deny', 'skip'],
  },
  capabilities: ['policy', 'retained'],
  config: {
    type: 'object',
    required: ['socket', 'me', 'taps'],
    additionalProperties: false,
    properties: {
      socket: { type: 'string' },
      me: { type: 'string' },
      taps: { type: 'array', items: { type: 'string' } },
      epoch: { type: 'integer' },
      way: { type: 'string' },
    },
  },
  start: (context, config) => new Faulty(context, config as unknown as FaultyConfig).begin(),
} satisfies PluginDefinition;
