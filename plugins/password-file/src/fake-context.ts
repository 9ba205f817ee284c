import type {
  AuthenticateRequest,
  BrokerHooks,
  Decide,
  DecideIdentity,
  DecideRefresh,
  Decision,
  IdentityGrant,
  PluginContext,
  RefreshIdentityRequest,
} from '@portcullis/sdk';
import { verifyPassword } from '@portcullis/sdk/passwords';

type Handler<Request, Verbs> = (request: Request, decide: Verbs) => Decision | PromiseLike<Decision>;

/** What the plugin answered, in words. */
export type Answer = readonly ['allow', IdentityGrant | undefined] | readonly ['deny', unknown] | readonly ['skip'];

/** A host for tests: it keeps what the plugin taps and says, and nothing runs by itself. */
export class FakeContext {
  readonly logged: (readonly [level: string, message: string])[] = [];
  readonly disconnected: (readonly [username: string | undefined, reasonCode: number | undefined])[] = [];
  readonly verified: (string | null | undefined)[] = [];
  readonly ticks: (() => void)[] = [];
  readonly later: (() => void)[] = [];
  readonly stop = new AbortController();
  readonly disposers: (() => void | Promise<void>)[] = [];
  reload: () => void | Promise<void> = () => assertTapped('onReload');
  /** Runs while a password is being verified. */
  meanwhile: () => Promise<void> = async () => undefined;
  readonly context: PluginContext;
  #authenticate: Handler<AuthenticateRequest, DecideIdentity> = () => assertTapped('authenticate');
  #refresh: Handler<RefreshIdentityRequest, DecideRefresh> = () => assertTapped('refreshIdentity');

  constructor(baseFolder: string) {
    const hooks: Pick<BrokerHooks, 'authenticate' | 'refreshIdentity'> = {
      authenticate: {
        tap: (handler) => {
          this.#authenticate = handler;
        },
      },
      refreshIdentity: {
        tap: (handler) => {
          this.#refresh = handler;
        },
      },
    };
    const log = (level: string) => (_: unknown, message: string) => void this.logged.push([level, message]);
    const context: Partial<PluginContext> = {
      name: 'passwords',
      baseFolder,
      hooks: hooks as BrokerHooks,
      log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
      timers: { after: (_, callback) => keep(this.later, callback), every: (_, callback) => keep(this.ticks, callback) },
      signal: this.stop.signal,
      onDispose: (callback) => void this.disposers.push(callback),
      onReload: (callback) => {
        this.reload = callback;
      },
      sessions: {
        find: () => [],
        disconnect: ({ username }, reasonCode) => this.disconnected.push([username, reasonCode]),
        recheck: () => 0,
        release: () => false,
      },
    };
    this.context = context as PluginContext;
  }

  async login(username: string | null, password: string | null): Promise<Answer> {
    const request: Pick<AuthenticateRequest, 'credentials'> = {
      credentials: {
        username,
        hasPassword: password !== null,
        verify: async (stored) => {
          this.verified.push(stored);
          const right = password !== null && (await verifyPassword(Buffer.from(password), stored));
          await this.meanwhile();
          return right;
        },
        equals: () => false,
        expose: () => assertTapped('expose'),
      },
    };
    return answer(await this.#authenticate(request as AuthenticateRequest, VERBS));
  }

  async refresh(identity: RefreshIdentityRequest['identity']): Promise<Answer> {
    return answer(await this.#refresh({ identity } as RefreshIdentityRequest, VERBS));
  }
}

const answers = new WeakMap<object, Answer>();

const VERBS: DecideIdentity & DecideRefresh & Decide = {
  allow: (grant?: object) => mint(['allow', grant as IdentityGrant | undefined]),
  deny: (reason) => mint(['deny', reason]),
  skip: () => mint(['skip']),
};

function mint(text: Answer): Decision {
  const decision = {} as Decision;
  answers.set(decision, text);
  return decision;
}

function answer(decision: Decision): Answer {
  const text = answers.get(decision);
  if (text === undefined) throw new Error('the plugin gave no decision');
  return text;
}

function keep(list: (() => void)[], callback: () => void): () => void {
  list.push(callback);
  return () => undefined;
}

function assertTapped(what: string): never {
  throw new Error(`${what} was not expected here`);
}
