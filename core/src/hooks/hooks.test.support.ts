import type { BrokerHooks, ClientInfo, PluginContext, PluginDefinition } from '@portcullis/sdk';
import { ManualClock, TimerWheel } from '../clock.js';
import { type Limits, makeLimits } from '../limits.js';
import { Logger } from '../log.js';
import { Stats } from '../stats.js';
import { type HostOptions, PluginHost } from './host.js';
import type { AskOptions, ChainSpec, HostServices, PluginSpec } from './specs.js';

type Start = (context: PluginContext, config: unknown) => void | Promise<void>;
type Given = Partial<PluginDefinition> & { readonly spec?: Partial<PluginSpec>; readonly start?: Start };

export const ALL_ANSWERS: NonNullable<PluginDefinition['decides']> = {
  authenticate: ['allow', 'deny', 'skip'],
  authenticateEnhanced: ['allow', 'deny', 'continue'],
  refreshIdentity: ['allow', 'deny'],
  authorize: ['allow', 'deny', 'skip'],
};

export interface Plugin {
  readonly spec: PluginSpec;
  readonly loaded: HostOptions['plugins'][number]['loaded'];
}

/** A plugin that may answer anything and taps what `tap` taps. */
export function plugin(name: string, tap: (hooks: BrokerHooks, context: PluginContext) => void | Promise<void>, given: Given = {}): Plugin {
  const { spec, ...definition } = given;
  return {
    spec: {
      name,
      config: {},
      timeoutMs: 2000,
      maxConcurrent: 64,
      maxQueue: 1000,
      breaker: { faults: 10, windowMs: 10_000, openMs: 2000 },
      onFault: 'refuse',
      startup: 'gate',
      publishTo: [],
      ...spec,
    },
    loaded: {
      definition: {
        name,
        sdk: '^1.0.0',
        decides: ALL_ANSWERS,
        capabilities: [],
        config: { type: 'object', additionalProperties: false },
        start: (context) => tap(context.hooks, context),
        ...definition,
      },
      root: `/plugins/${name}`,
      packageName: name,
      version: '1.0.0',
    },
  };
}

export function chain(given: Partial<ChainSpec>): ChainSpec {
  return { name: 'default', guards: [], authenticate: [], authorize: [], combine: 'deny-overrides', deadlineMs: 5000, ...given };
}

/** Services that remember what was asked of them. */
export class FakeServices implements HostServices {
  readonly calls: unknown[][] = [];
  publish: HostServices['publish'] = async (...args) => this.#note('publish', args, undefined);
  findSessions: HostServices['findSessions'] = (...args) => this.#note('find', args, []);
  disconnect: HostServices['disconnect'] = (...args) => this.#note('disconnect', args, 1);
  recheck: HostServices['recheck'] = (...args) => this.#note('recheck', args, 1);
  release: HostServices['release'] = (...args) => this.#note('release', args, true);
  forgetTemplate: HostServices['forgetTemplate'] = (...args) => this.#note('forgetTemplate', args, true);
  setTemplates: HostServices['setTemplates'] = (...args) => this.#note('setTemplates', args, undefined);
  withdrawGrants: HostServices['withdrawGrants'] = (...args) => this.#note('withdrawGrants', args, undefined);
  invalidate: HostServices['invalidate'] = (...args) => this.#note('invalidate', args, undefined);
  removePlugin: HostServices['removePlugin'] = (...args) => this.#note('removePlugin', args, undefined);
  retainedGet: HostServices['retainedGet'] = (...args) => this.#note('retainedGet', args, undefined);
  retainedMatch: HostServices['retainedMatch'] = (...args) => this.#note('retainedMatch', args, []);
  provideSessionStore: HostServices['provideSessionStore'] = (...args) => this.#note('provideSessionStore', args, undefined);
  provideRetainedStore: HostServices['provideRetainedStore'] = (...args) => this.#note('provideRetainedStore', args, undefined);

  #note<T>(name: string, args: unknown[], result: T): T {
    this.calls.push([name, ...args]);
    return result;
  }
}

export interface Rig {
  readonly host: PluginHost;
  readonly clock: ManualClock;
  readonly stats: Stats;
  readonly lines: string[];
  readonly services: FakeServices;
  /** Options of a question that begins now. */
  options(deadlineMs?: number): AskOptions;
}

export interface RigOptions {
  readonly limits?: Partial<Limits>;
  readonly verify?: HostOptions['verify'];
}

/** A host with a clock that stands still. */
export function makeRig(plugins: readonly Plugin[], chains: readonly ChainSpec[], { limits, verify }: RigOptions = {}): Rig {
  const clock = new ManualClock();
  const stats = new Stats();
  const lines: string[] = [];
  const services = new FakeServices();
  const wheel = new TimerWheel(clock, (error) => {
    throw error;
  });
  const host = new PluginHost({
    plugins,
    chains,
    services,
    stats,
    wheel,
    log: new Logger((line) => lines.push(line), 'debug'),
    limits: makeLimits(limits),
    baseFolder: '/base',
    verify: verify ?? (async (password, stored) => stored === `hash:${Buffer.from(password).toString()}`),
  });
  return { host, clock, stats, lines, services, options: (deadlineMs = 5000) => ({ deadlineAt: clock.now() + deadlineMs }) };
}

export async function preparedRig(plugins: readonly Plugin[], chains: readonly ChainSpec[], options: RigOptions = {}): Promise<Rig> {
  const rig = makeRig(plugins, chains, options);
  await rig.host.prepare();
  return rig;
}

/** Lets promises that are settled already run their continuations. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export const CLIENT: ClientInfo = {
  id: 'c1',
  connection: { id: 'k1', listener: 'local', transport: 'tcp', address: '127.0.0.1', port: 4000 },
  protocol: '5.0',
  cleanStart: true,
  keepAliveSeconds: 60,
  sessionExpirySeconds: 0,
};

export const CONNECT = { client: CLIENT, tenant: null, tls: null, userProperties: [] };
export const IDENTIFIED = { client: CLIENT, identity: { username: 'u' }, tenant: null };
export const MESSAGE = { topic: 'a/b', payload: Buffer.from('payload'), qos: 0, retain: false, properties: {} };
