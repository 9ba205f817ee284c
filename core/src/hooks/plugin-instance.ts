import type { Capability, PluginContext, PluginDefinition, PluginLog } from '@portcullis/sdk';
import { errorText } from '../errors.js';
import type { InstanceTools, PlainLog } from './asked-plugin.js';
import { makeMetrics, makeServices } from './plugin-services.js';
import { TimerSet } from './plugin-timers.js';
import type { HostServices, PluginSpec } from './specs.js';
import { TapRegistry } from './tap-registry.js';
import { within } from './within.js';

type Callback = () => void | Promise<void>;

export interface InstanceInit {
  readonly spec: PluginSpec;
  readonly definition: PluginDefinition;
  readonly baseFolder: string;
  readonly services: HostServices;
  readonly tools: InstanceTools;
}

/** One start of a plugin, and all that this start opened. A further try is a further instance. */
export class PluginInstance {
  readonly registry = new TapRegistry();
  readonly #init: InstanceInit;
  readonly #log: PlainLog;
  readonly #timers: TimerSet;
  readonly #controller = new AbortController();
  readonly #disposers: Callback[] = [];
  readonly #reloaders: Callback[] = [];
  #stage: 'starting' | 'running' | 'stopped' = 'starting';

  constructor(init: InstanceInit) {
    this.#init = init;
    this.#log = init.tools.log.child({ plugin: init.spec.name });
    this.#timers = new TimerSet(init.spec.name, init.tools);
  }

  /** Runs `start`. Rejects with what it throws, with the first wrong tap, or when it does not settle in time. */
  async start(config: unknown): Promise<void> {
    const { definition, spec, tools } = this.#init;
    const milliseconds = tools.limits.pluginStartMs;
    try {
      const settled = await within(tools.wheel, milliseconds, async () => definition.start(this.#context(), config as never));
      if (!settled)
        throw new Error(
          `start has not settled within ${milliseconds} ms; it must return, or resolve, when the plugin is ready (limits.pluginStartMs)`,
        );
    } finally {
      this.registry.close();
    }
    const problem = this.registry.problems[0];
    if (problem !== undefined) throw new Error(problem);
    if (this.#stage === 'stopped') throw new Error(`plugin ${spec.name} was stopped`);
    this.#stage = 'running';
  }

  /** Whether the plugin has registered an `onReload` callback: without one it has nothing to read again. */
  get rereads(): boolean {
    return this.#reloaders.length > 0;
  }

  /** Runs the plugin's `onReload` callbacks; it has as long as for its start. Resolves with why any of them could not. */
  async reload(): Promise<string[]> {
    const { wheel, limits } = this.#init.tools;
    const problems: string[] = [];
    for (const callback of this.#reloaders) {
      try {
        const settled = await within(wheel, limits.pluginStartMs, async () => callback());
        if (!settled) throw new Error(`onReload has not settled within ${limits.pluginStartMs} ms`);
      } catch (error) {
        problems.push(this.#log.hide(errorText(error)));
      }
    }
    return problems;
  }

  /** Tells the plugin to stop; its signal is aborted and its timers end at once. */
  signalStop(): void {
    this.#stage = 'stopped';
    this.registry.close();
    this.#controller.abort();
    this.#timers.end();
  }

  /** Runs the callbacks in reverse order. Each is called even when one before it fails. */
  async runDisposers(): Promise<void> {
    for (let callback = this.#disposers.pop(); callback !== undefined; callback = this.#disposers.pop()) await this.#dispose(callback);
  }

  /** Calls what `runDisposers` did not get to, without waiting: time is up, but handles should close. */
  abandonDisposers(): void {
    for (let callback = this.#disposers.pop(); callback !== undefined; callback = this.#disposers.pop()) void this.#dispose(callback);
  }

  async #dispose(callback: Callback): Promise<void> {
    try {
      await callback();
    } catch (error) {
      this.#log.warn({ cause: errorText(error) }, 'a plugin failed while stopping');
    }
  }

  #context(): PluginContext {
    const { spec, baseFolder, services, tools } = this.#init;
    const { stats } = tools;
    return Object.freeze({
      name: spec.name,
      baseFolder,
      timeoutMs: spec.timeoutMs,
      hooks: this.registry.hooks,
      log: pluginLog(this.#log),
      stats: Object.freeze({ get: (name: string) => stats.get(name), names: () => stats.names() }),
      metrics: makeMetrics(spec.name, tools),
      timers: Object.freeze({
        after: (milliseconds: number, callback: () => void) => this.#timers.after(milliseconds, callback),
        every: (milliseconds: number, callback: () => void) => this.#timers.every(milliseconds, callback),
      }),
      signal: this.#controller.signal,
      onDispose: (callback: Callback) => this.#register(this.#disposers, callback, 'onDispose'),
      onReload: (callback: Callback) => this.#register(this.#reloaders, callback, 'onReload'),
      ...makeServices(
        spec,
        services,
        (capability) => this.#mayUse(capability),
        () => this.#stage === 'starting',
      ),
    });
  }

  #register(list: Callback[], callback: Callback, what: string): void {
    if (typeof callback !== 'function') throw new TypeError(`${what} takes a function`);
    if (this.#stage !== 'stopped') list.push(callback);
    // A start that is still under way when the plugin is stopped would leak what it has just opened.
    else if (list === this.#disposers) void this.#dispose(callback);
  }

  #mayUse(capability: Capability): void {
    const { definition, spec } = this.#init;
    if (definition.capabilities?.includes(capability) !== true) {
      throw new Error(`plugin ${spec.name} does not ask for the capability "${capability}" in its manifest`);
    }
    if (this.#stage === 'stopped') throw new Error(`plugin ${spec.name} was stopped`);
  }
}

function pluginLog(log: PlainLog): PluginLog {
  return Object.freeze({
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => log.error(fields, message),
  } satisfies PluginLog);
}
