import type { ClientInfo, ConnectionInfo, HookName, PublishProperties, Rule } from '@portcullis/sdk';
import { ManualClock, TimerWheel } from '../clock.js';
import type { ChainHooks, FaultOutcome, GlobalHooks, Outcome, Pending, PolicyAnswers, TenantOutcome } from '../hooks/index.js';
import { fault, PASS, SKIP } from '../hooks/index.js';
import { type Limits, makeLimits } from '../limits.js';
import { Logger } from '../log.js';
import { CompiledRules, PolicyEngine } from '../policy/index.js';
import { Stats } from '../stats.js';
import type { ConnectRequest } from './admission-types.js';
import { GateClient, type GateClientFields, type Standing } from './client.js';
import { Gate } from './gate.js';
import { Message, type MessageFields } from './message.js';
import type { GateChain, SessionRules } from './options.js';
import type { PropertyCodec } from './publish-gate.js';

export const ALLOW: Outcome = { kind: 'allow', plugin: 'code', grant: null, data: null, leaseSeconds: null };
export const DENY: Outcome = { kind: 'deny', plugin: 'code', reason: 'banned' };
export const FAULT: FaultOutcome = fault('code', 'it broke');
export const OVERLOAD: FaultOutcome = fault('code', 'no room', true);
export { PASS, SKIP };

/** A question that was put, and what answers it. */
export interface Asked {
  readonly hook: string;
  readonly plugin: string | null;
  readonly request: Record<string, unknown>;
  readonly deadlineAt: number;
  cancelled: boolean;
  answer(outcome: unknown): void;
}

/** Questions that are answered by a script, or stay open until the test answers them. */
class Questions {
  readonly asked: Asked[] = [];
  /** What is answered at once, by hook or by `plugin hook`; everything else stays open. */
  readonly script = new Map<string, unknown>();

  put(hook: string, plugin: string | null, request: object, deadlineAt: number, done: (outcome: never) => void): Pending | null {
    const scripted = this.script.get(plugin === null ? hook : `${plugin} ${hook}`);
    const asked: Asked = {
      hook,
      plugin,
      request: request as Record<string, unknown>,
      deadlineAt,
      cancelled: false,
      answer: (outcome) => {
        if (!asked.cancelled) done(outcome as never);
      },
    };
    this.asked.push(asked);
    if (scripted !== undefined) {
      done(scripted as never);
      return null;
    }
    return {
      cancel() {
        asked.cancelled = true;
      },
    };
  }
}

/** A chain whose plugins are scripted. */
export class FakeChain extends Questions implements ChainHooks {
  readonly spec: GateChain;
  /** Hooks, or `plugin hook`, that somebody taps. */
  readonly tapped = new Set<string>();

  constructor(spec: Partial<GateChain> = {}) {
    super();
    this.spec = { ...CHAIN, ...spec };
    this.script.set('admitClient', PASS).set('admitIdentity', PASS).set('authenticate', identified('ann')).set('loadPolicy', []);
  }

  get authorizePlugins(): readonly string[] {
    return this.spec.authorize;
  }

  has(hook: HookName): boolean {
    // What every CONNECT is asked here, so that the tests see it.
    if (hook === 'admitClient' || hook === 'admitIdentity') return true;
    return [...this.tapped].some((tapped) => tapped === hook || tapped.endsWith(` ${hook}`));
  }

  taps(plugin: string, hook: HookName): boolean {
    return this.tapped.has(`${plugin} ${hook}`);
  }

  ask(hook: string, request: object, options: { deadlineAt: number }, done: (outcome: Outcome) => void): Pending | null {
    return this.put(hook, null, request, options.deadlineAt, done);
  }

  askPlugin(plugin: string, hook: string, request: object, options: { deadlineAt: number }, done: (outcome: Outcome) => void): Pending | null {
    return this.put(hook, plugin, request, options.deadlineAt, done);
  }

  askEnhanced(method: string, request: object, options: { deadlineAt: number }, done: (outcome: Outcome) => void): Pending | null {
    return this.put(`enhanced ${method}`, null, request, options.deadlineAt, done);
  }

  loadPolicy(
    request: object,
    knownVersions: ReadonlyMap<string, number | string>,
    options: { deadlineAt: number },
    done: (outcome: PolicyAnswers | FaultOutcome) => void,
  ): Pending | null {
    return this.put('loadPolicy', null, { ...request, knownVersions }, options.deadlineAt, done);
  }

  guard(hook: string, request: object): Outcome {
    return now(this, hook, request) ?? PASS;
  }
}

/** The answer of a hook that cannot wait. */
function now(questions: Questions, hook: string, request: object): Outcome | undefined {
  let outcome: Outcome | undefined;
  questions.put(hook, null, request, 0, (answer) => {
    outcome = answer;
  });
  return outcome;
}

/** Hooks of all plugins, scripted. A `rewritePublish` or `normalizeConnect` script is a list of patches. */
export class FakeGlobals extends Questions implements GlobalHooks {
  readonly tapped = new Set<HookName>();
  readonly told: { hook: string; news: Record<string, unknown> }[] = [];

  constructor() {
    super();
    this.script.set('resolveTenant', { kind: 'nothing' });
  }

  has(hook: HookName): boolean {
    return hook === 'resolveTenant' || this.tapped.has(hook);
  }

  guard(hook: string, request: object): Outcome {
    return now(this, hook, request) ?? PASS;
  }

  firstGiven(hook: string, request: object, options: { deadlineAt: number }, done: (outcome: TenantOutcome) => void): Pending | null {
    return this.put(hook, null, request, options.deadlineAt, done);
  }

  waterfall<R extends object>(
    hook: string,
    request: R,
    apply: (request: R, patch: object, plugin: string) => R | null,
  ): { readonly request: R; readonly changed: boolean } | FaultOutcome {
    const scripted = (this.script.get(hook) ?? []) as object[] | FaultOutcome;
    if (!Array.isArray(scripted)) return scripted;
    let current = request;
    for (const patch of scripted) {
      const patched = apply(current, patch, 'patcher');
      if (patched === null) return fault('patcher', 'gave a patch that is not valid');
      current = patched;
    }
    return { request: current, changed: scripted.length > 0 };
  }

  tell(hook: string, news: object): void {
    this.told.push({ hook, news: news as Record<string, unknown> });
  }
}

export const CHAIN: GateChain = {
  name: 'default',
  guards: ['guard'],
  authenticate: ['users'],
  authorize: ['rules', 'code'],
  combine: 'deny-overrides',
  deadlineMs: 5000,
  denyPublish: 'acknowledge',
  publishFault: 'disconnect',
  partialSubscribe: 'filter',
  onRevoked: 'suspend',
  revokedGraceSeconds: 60,
  staleGraceMs: 0,
} as GateChain;

export const SESSION_RULES: SessionRules = {
  clientIdOwnership: 'principal',
  maxExpirySeconds: 100_000,
  perPrincipal: 100,
  useUsernameAsClientId: false,
};

export const CONNECTION: ConnectionInfo = { id: 'k1', listener: 'local', transport: 'tcp', address: '127.0.0.1', port: 4000 };

export const INFO: ClientInfo = {
  id: 'c1',
  connection: CONNECTION,
  protocol: '5.0',
  cleanStart: true,
  keepAliveSeconds: 60,
  sessionExpirySeconds: 0,
};

export function identified(username: string | null, leaseSeconds?: number): Outcome {
  const identity = username === null ? ({ anonymous: true } as const) : { username };
  const grant = leaseSeconds === undefined ? { identity } : { identity, leaseSeconds };
  return { kind: 'allow', plugin: 'users', grant, data: null, leaseSeconds: leaseSeconds ?? null };
}

/** `+a/b` allows and `-a/b` denies; actions may stand before it: `publish,receive:+a/b`. */
export function rules(...texts: string[]): Rule[] {
  return texts.map((text) => {
    const colon = /^[a-z,]+:/.exec(text)?.[0] ?? '';
    const actions = colon === '' ? (['publish', 'subscribe', 'receive'] as const) : (colon.slice(0, -1).split(',') as unknown as Rule['actions']);
    const rest = text.slice(colon.length);
    return { effect: rest.startsWith('-') ? 'deny' : 'allow', actions, pattern: rest.slice(1), from: text };
  });
}

export interface FakeStanding extends Standing {
  readonly hooks: FakeChain;
  readonly global: FakeGlobals;
}

export function standingOf(chain: Partial<GateChain> = {}, given: Partial<FakeStanding> = {}): FakeStanding {
  const hooks = given.hooks ?? new FakeChain(chain);
  return { generation: 1, chain: hooks.spec, hooks, global: new FakeGlobals(), engine: new PolicyEngine(), ...given };
}

/** A client of these rules, which come from plugin `rules`. */
export function clientOf(own: readonly Rule[], standing: Standing = standingOf(), given: Partial<GateClientFields> = {}): GateClient {
  const identity = given.identity ?? { username: 'ann' };
  const info = given.info ?? INFO;
  const binding = standing.engine.bind({
    combine: standing.chain.combine,
    variables: {
      username: identity.anonymous === true ? null : identity.username,
      clientId: info.id,
      tenant: null,
      commonName: null,
      attributes: null,
    },
    sources: [{ plugin: 'rules', templates: [], rules: CompiledRules.compile(own) }],
  });
  return new GateClient({
    info,
    identity,
    tenant: null,
    tls: null,
    authority: 'users',
    leaseSeconds: null,
    identifiedAt: 0,
    standing,
    binding,
    sources: ['rules'],
    ...given,
  });
}

export function messageOf(topic: string, given: Partial<MessageFields> = {}): Message {
  return new Message({
    topic,
    topicBytes: Buffer.from(topic),
    payload: Buffer.from('payload'),
    qos: 0,
    retain: false,
    properties: null,
    expiresAt: 0,
    publisherClientId: 'c1',
    publisher: 'ann',
    ...given,
  });
}

export function connectRequest(given: Partial<ConnectRequest> = {}): ConnectRequest {
  return {
    connection: CONNECTION,
    tls: null,
    protocolVersion: 5,
    clientId: 'c1',
    cleanStart: true,
    keepAliveSeconds: 60,
    username: 'ann',
    password: Buffer.from('secret'),
    sessionExpirySeconds: null,
    authenticationMethod: null,
    authenticationData: null,
    userProperties: [],
    will: null,
    ...given,
  };
}

/** Properties as JSON: the gate must not care how they look. */
export const JSON_PROPERTIES: PropertyCodec = {
  decode: (bytes) => JSON.parse(bytes.toString()) as PublishProperties,
  encode(properties) {
    if (typeof properties !== 'object' || properties === null) throw new Error('no properties');
    if ('contentType' in properties && typeof properties.contentType !== 'string') throw new Error('no content type');
    return Object.keys(properties).length === 0 ? Buffer.alloc(0) : Buffer.from(JSON.stringify(properties));
  },
};

export interface GateRig {
  readonly gate: Gate;
  readonly clock: ManualClock;
  readonly wheel: TimerWheel;
  readonly stats: Stats;
  readonly lines: string[];
  readonly standing: FakeStanding;
}

/** A gate on a clock that stands still, with one chain. */
export function gateRig(
  given: { chain?: Partial<GateChain>; limits?: Partial<Limits>; sessionRules?: Partial<SessionRules>; standing?: FakeStanding } = {},
): GateRig {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, (error) => {
    throw error;
  });
  const stats = new Stats();
  const lines: string[] = [];
  const standing = given.standing ?? standingOf(given.chain);
  const sessionRules = { ...SESSION_RULES, ...given.sessionRules };
  const gate = new Gate({
    wheel,
    limits: makeLimits(given.limits),
    log: new Logger((line) => lines.push(line), 'debug'),
    stats,
    properties: JSON_PROPERTIES,
    sessionRules,
    random: () => 0,
  });
  gate.stand(new Map([[standing.chain.name, standing]]), standing.global, sessionRules);
  return { gate, clock, wheel, stats, lines, standing };
}
