import type { BrokerHooks, Decision, GivePolicy, Identity, LoadPolicyRequest, PluginContext, PolicyGrant, Rule } from '@portcullis/sdk';

type LoadPolicy = (request: LoadPolicyRequest, give: GivePolicy) => Decision | PromiseLike<Decision>;

/** A host for tests: it keeps what the plugin defines and says, and nothing runs by itself. */
export class FakeContext {
  readonly logged: (readonly [level: string, message: string])[] = [];
  readonly ticks: (() => void)[] = [];
  /** What was done to the policy, in order. */
  readonly steps: string[] = [];
  templates: ReadonlyMap<string, readonly Rule[]> = new Map();
  reload: () => void | Promise<void> = () => unexpected('onReload');
  /** Set to have the policy refuse the next templates. */
  refusal: Error | null = null;
  readonly context: PluginContext;
  #loadPolicy: LoadPolicy = () => unexpected('loadPolicy');

  constructor(baseFolder: string) {
    const hooks: Pick<BrokerHooks, 'loadPolicy'> = {
      loadPolicy: {
        tap: (handler) => {
          this.#loadPolicy = handler;
        },
      },
    };
    const log = (level: string) => (_: unknown, message: string) => void this.logged.push([level, message]);
    const context: Partial<PluginContext> = {
      name: 'rules',
      baseFolder,
      hooks: hooks as BrokerHooks,
      log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
      timers: {
        after: () => unexpected('after'),
        every: (_, callback) => {
          this.ticks.push(callback);
          return () => undefined;
        },
      },
      signal: new AbortController().signal,
      onReload: (callback) => {
        this.reload = callback;
      },
      policy: {
        setTemplate: () => unexpected('setTemplate'),
        removeTemplate: () => unexpected('removeTemplate'),
        forgetTemplate: () => unexpected('forgetTemplate'),
        replaceTemplates: (templates) => {
          if (this.refusal !== null) throw this.refusal;
          this.templates = templates;
          this.steps.push('templates');
        },
        invalidate: (selector, version) =>
          void this.steps.push(`invalidate ${String(selector)} ${version === this.grantFor({ username: 'x' }).version}`),
      },
    };
    this.context = context as PluginContext;
  }

  grantFor(identity: Identity): PolicyGrant {
    let given: PolicyGrant | undefined;
    const give: GivePolicy = {
      policy: (grant) => {
        given = grant;
        return {} as Decision;
      },
      nothing: () => unexpected('nothing'),
    };
    void this.#loadPolicy({ identity } as LoadPolicyRequest, give);
    return given ?? unexpected('silence');
  }
}

function unexpected(what: string): never {
  throw new Error(`${what} was not expected here`);
}
