import { EventEmitter } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { BackendUnavailable, type PluginContext, type PluginDefinition } from '@portcullis/sdk';
import { ScriptedStore } from './scripted-store.js';

// A plugin that does what a test tells it. It is copied out of the repository and loaded from there, with the SDK as its only dependency.

/** What to do with a question: a verb of `decide` or `give` with its argument, or a way of failing. */
export type Behaviour = readonly [what: string, argument?: unknown, more?: unknown];
/** By hook, or by hook and client identifier or topic, as in `authorize t/1`. */
export type Script = Readonly<Record<string, Behaviour>>;

/** What the actor tells the test: a question it was asked, or news. */
export interface ActorEvent {
  readonly actor: string;
  readonly hook: string;
  readonly request: Readonly<Record<string, unknown>>;
}

type Command =
  | { readonly id: number; readonly script: Script }
  | { readonly id: number; readonly release: true }
  | { readonly id: number; readonly ping: true }
  | { readonly id: number; readonly escape: 'throw' | 'reject' | 'emitter' | 'timer' }
  | { readonly id: number; readonly call: string; readonly args: readonly unknown[] };

type Verbs = Readonly<Record<string, (argument?: unknown) => unknown>>;
type Request = Readonly<Record<string, unknown>>;
type Tap = (...args: readonly unknown[]) => void;
interface ActorConfig {
  readonly socket: string;
  readonly taps?: readonly string[];
  readonly methods?: readonly string[];
  readonly stores?: readonly string[];
}

const NEWS = /^(?:client|session|subscribed|unsubscribed|message|policyChanged|decisionMade|connectDecided|broker)/;
const ALL = [{ effect: 'allow', actions: ['publish', 'subscribe', 'receive'], pattern: '#', from: 'actor' }];
/** What an actor does that was told nothing. */
const USUAL: Script = {
  authenticate: ['allow', { identity: { username: '$username' } }],
  authenticateEnhanced: ['allow', { identity: { username: '$username' } }],
  refreshIdentity: ['allow'],
  loadPolicy: ['policy', { version: 1, rules: ALL }],
  authorize: ['allow'],
  resolveTenant: ['nothing'],
  normalizeConnect: ['nothing'],
  rewritePublish: ['nothing'],
};

/** One start of the plugin. */
class Actor {
  readonly #context: PluginContext;
  readonly #socket: Socket;
  readonly #held: (() => void)[] = [];
  readonly #kept = new Map<string, unknown>();
  readonly #stores = new Map<string, ScriptedStore>();
  #script: Script = {};
  #unread = '';

  constructor(context: PluginContext, config: ActorConfig) {
    this.#context = context;
    this.#socket = createConnection(config.socket);
    this.#socket.setEncoding('utf8').on('data', (text: string) => this.#received(text));
    context.onDispose(() => void this.#socket.end());
    for (const hook of config.taps ?? []) this.#tap(hook, config.methods ?? []);
    for (const kind of config.stores ?? []) this.#provide(kind);
  }

  /** Tells the test that the plugin is there, and waits for its first script. */
  begin(): Promise<void> {
    this.#write({ hello: this.#context.name });
    return new Promise((resolve, reject) => {
      this.#held.push(resolve);
      this.#socket.once('error', reject);
    });
  }

  #tap(hook: string, methods: readonly string[]): void {
    const { tap } = (this.#context.hooks as unknown as Readonly<Record<string, { readonly tap: Tap }>>)[hook] as { readonly tap: Tap };
    const handler = (request: Request, verbs: Verbs): unknown => this.#asked(hook, request, verbs);
    if (hook === 'authenticateEnhanced') for (const method of methods) tap(method, handler);
    else if (NEWS.test(hook)) tap((news: Request) => this.#told(hook, news));
    else tap(handler);
  }

  #asked(hook: string, request: Request, verbs: Verbs): unknown {
    this.#tell(hook, request);
    return this.#act(hook, this.#behaviour(hook, request), request, verbs);
  }

  #told(hook: string, news: Request): void {
    this.#tell(hook, news);
    const [what] = this.#script[hook] ?? [];
    if (what === 'throw') throw new Error('thrown by a listener');
    if (what === 'reject') void Promise.reject(new Error('rejected by a listener'));
    if (what === 'change') (news as { clientId?: string }).clientId = 'changed';
  }

  /** The most special behaviour that the script has. */
  #behaviour(hook: string, request: Request): Behaviour {
    const { client, message, topic, filter } = request as {
      client?: { id: string };
      message?: { topic: string };
      topic?: string;
      filter?: string;
    };
    const { action, step, username } = request;
    for (const detail of [message?.topic ?? topic ?? filter, step, action, client?.id, username]) {
      const found = detail === undefined ? undefined : this.#script[`${hook} ${detail}`];
      if (found !== undefined) return found;
    }
    return this.#script[hook] ?? USUAL[hook] ?? ['pass'];
  }

  #act(hook: string, [what, argument, more]: Behaviour, request: Request, verbs: Verbs): unknown {
    switch (what) {
      case 'throw':
        throw new Error('thrown by a handler');
      case 'throw null':
        throw null;
      case 'reject':
        return Promise.reject(new Error('rejected by a handler'));
      case 'unavailable':
        return Promise.reject(new BackendUnavailable('the backend is down'));
      case 'hang':
        (request.signal as AbortSignal | undefined)?.addEventListener('abort', () => this.#tell('aborted', { hook }));
        return new Promise(() => {});
      case 'return':
        return argument;
      case 'keep': {
        const decision = this.#act(hook, argument as Behaviour, request, verbs);
        this.#kept.set(hook, decision);
        return decision;
      }
      case 'kept':
        return this.#kept.get(hook);
      case 'async':
        return Promise.resolve().then(() => this.#act(hook, argument as Behaviour, request, verbs));
      case 'hold':
        return new Promise((resolve) => this.#held.push(() => resolve(this.#act(hook, argument as Behaviour, request, verbs))));
      case 'first':
        // Settles twice: the first one counts.
        return {
          // biome-ignore lint/suspicious/noThenProperty: a thenable that misbehaves is the point
          then: (settle: (value: unknown) => void) => {
            settle(this.#act(hook, argument as Behaviour, request, verbs));
            settle(this.#act(hook, more as Behaviour, request, verbs));
          },
        };
      case 'credentials':
        return this.#weigh(request, verbs, argument as Readonly<Record<string, string>>);
      default:
        return this.#verb(what, argument, request, verbs);
    }
  }

  #verb(what: string, argument: unknown, request: Request, verbs: Verbs): unknown {
    const verb = verbs[what];
    if (verb === undefined) throw new Error(`there is no verb ${what}`);
    return argument === undefined ? verb() : verb(fill(argument, request));
  }

  /** Decides by username and password, as real plugins do. */
  async #weigh(request: Request, verbs: Verbs, { exposed, hash }: Readonly<Record<string, string>>): Promise<unknown> {
    const credentials = request.credentials as { verify(hash: string): Promise<boolean>; equals(text: string): boolean; expose(): Uint8Array };
    const right = hash === undefined ? Buffer.from(credentials.expose()).equals(Buffer.from(exposed ?? '')) : await credentials.verify(hash);
    return right ? verbs.allow?.({ identity: { username: 'weighed' } }) : verbs.deny?.('bad-credentials');
  }

  #provide(kind: string): void {
    const store = new ScriptedStore(kind, (change) => this.#tell('append', { store: kind, change }));
    this.#stores.set(kind, store);
    if (kind === 'sessions') this.#context.stores.provideSessionStore(store);
    else this.#context.stores.provideRetainedStore(store);
  }

  #received(text: string): void {
    const lines = (this.#unread + text).split('\n');
    this.#unread = lines.pop() ?? '';
    for (const line of lines) void this.#obey(JSON.parse(line, revive));
  }

  async #obey(command: Command): Promise<void> {
    try {
      this.#write({ id: command.id, result: await this.#result(command) });
    } catch (error) {
      this.#write({ id: command.id, error: error instanceof Error ? error.message : String(error) });
    }
  }

  #result(command: Command): unknown {
    if ('script' in command) this.#script = command.script;
    if ('script' in command || 'release' in command) return void this.#held.splice(0).map((go) => go());
    if ('ping' in command) return undefined;
    if ('escape' in command) return this.#escape(command.escape);
    const [service = '', method = ''] = command.call.split('.');
    const target = service === 'store' ? this.#stores.get(String(command.args[0])) : this.#context[service as keyof PluginContext];
    const args = service === 'store' ? command.args.slice(1) : command.args;
    return (target as unknown as Record<string, (...given: readonly unknown[]) => unknown>)[method]?.(...args);
  }

  /** Lets an error out where nobody of the broker's is on the stack. */
  #escape(how: string): void {
    const error = new Error(`escaped by ${how}`);
    if (how === 'timer') {
      this.#context.timers.after(1, () => {
        throw error;
      });
      return;
    }
    setTimeout(() => {
      if (how === 'reject') void Promise.reject(error);
      else if (how === 'emitter') new EventEmitter().emit('error', error);
      else throw error;
    }, 1);
  }

  #tell(hook: string, request: Request): void {
    this.#write({ hook, request });
  }

  #write(line: object): void {
    this.#socket.write(`${JSON.stringify(line, encode)}\n`);
  }
}

/** Puts what belongs to the request where the script has `$username` or `$client`. */
function fill(argument: unknown, request: Request): unknown {
  const { credentials, username, client } = request as { credentials?: { username: string | null }; username?: string; client?: { id: string } };
  const values: Readonly<Record<string, unknown>> = { $username: credentials?.username ?? username ?? 'nobody', $client: client?.id };
  const filled = (value: unknown): unknown => {
    if (typeof value === 'string') return values[value] ?? value;
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
    if (Array.isArray(value)) return value.map(filled);
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filled(item)]));
  };
  return filled(argument);
}

/** Bytes travel as `{ "$bytes": "<hex>" }`. */
function encode(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? { $bytes: Buffer.from(value).toString('hex') } : value;
}

function revive(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('$bytes' in value)) return value;
  return new Uint8Array(Buffer.from(String(value.$bytes), 'hex'));
}

export const actor = {
  name: 'actor',
  sdk: '^1.0.0',
  decides: {
    authenticate: ['allow', 'deny', 'skip'],
    authenticateEnhanced: ['allow', 'deny', 'continue'],
    refreshIdentity: ['allow', 'deny'],
    authorize: ['allow', 'deny', 'skip'],
  },
  capabilities: ['publish', 'sessions', 'policy', 'retained', 'credentials', 'stores'],
  config: {
    type: 'object',
    required: ['socket'],
    additionalProperties: false,
    properties: {
      socket: { type: 'string' },
      taps: { type: 'array', items: { type: 'string' } },
      methods: { type: 'array', items: { type: 'string' } },
      stores: { type: 'array', items: { type: 'string' } },
    },
  },
  start: (context, config) => new Actor(context, config as unknown as ActorConfig).begin(),
} satisfies PluginDefinition;
