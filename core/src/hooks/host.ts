import { availableParallelism } from 'node:os';
import type { TimerWheel } from '../clock.js';
import { ERRORS, PortcullisError } from '../errors.js';
import type { Limits } from '../limits.js';
import type { Logger } from '../log.js';
import type { Stats } from '../stats.js';
import type { HostTools } from './asked-plugin.js';
import { failoverProblem, methodProblems, nameProblems, tapProblems } from './chain-checks.js';
import { Chain, type ChainHooks } from './chain-hooks.js';
import { Deferred } from './deferred.js';
import type { PluginRoot } from './escape.js';
import { FaultLog } from './fault-log.js';
import { type GlobalHooks, Globals } from './global-hooks.js';
import { HashQueue, type VerifyPassword } from './hash-queue.js';
import type { LoadedPlugin } from './loader.js';
import { endLives, PluginLife } from './plugin-life.js';
import type { PluginRuntime, PluginStanding, PluginState } from './plugin-runtime.js';
import type { ChainSpec, HostServices, PluginSpec } from './specs.js';
import { StartError, type StartProblem } from './start-error.js';
import { type StartRemark, unaskedHooks } from './unasked.js';
import { VerifiedCache } from './verified-cache.js';
import { within } from './within.js';
import { workerDefinition } from './worker/worker-definition.js';

/** How often it is looked whether somebody still needs plugins that are to retire, in milliseconds. */
const LOOK_AGAIN_MS = 50;

export interface HostOptions {
  /** In the order of the file, which is the asking order of hooks that concern every plugin. */
  readonly plugins: readonly { readonly spec: PluginSpec; readonly loaded: LoadedPlugin }[];
  readonly chains: readonly ChainSpec[];
  readonly services: HostServices;
  readonly log: Logger;
  readonly stats: Stats;
  readonly wheel: TimerWheel;
  readonly limits: Limits;
  /** Folder of the configuration file. */
  readonly baseFolder: string;
  /** Compares a password with a stored hash. */
  readonly verify: VerifyPassword;
  /** Called when a plugin that was down has started: what the chains tap is no longer what it was. */
  readonly changed?: () => void;
}

/** The event loop has a processor of its own, where there are two: whoever waits for a slice of one that is hashing waits for milliseconds. */
export function hashesAtOnce(limit: number, processors = availableParallelism()): number {
  return Math.max(1, Math.min(limit, processors - 1));
}

/** Names of plugins, by whether they had anything to read again. */
export interface ReadAgain {
  readonly read: readonly string[];
  readonly nothing: readonly string[];
}

/** The plugins of one configuration generation and their hooks. A reload makes another host: a tap cannot be taken back. */
export class PluginHost {
  readonly #options: HostOptions;
  readonly #tools: HostTools;
  readonly #lives: readonly PluginLife[];
  readonly #plugins: ReadonlyMap<string, PluginRuntime>;
  readonly #chains: ReadonlyMap<string, Chain>;
  readonly #globals: Globals;
  readonly #ready = new Deferred<void>();
  #stage: 'new' | 'preparing' | 'prepared' | 'ended' = 'new';
  #ending: Promise<void> | null = null;

  constructor(options: HostOptions) {
    const { log, stats, wheel, limits } = options;
    this.#options = options;
    // Before any of their code runs with them.
    log.keepSecret(options.plugins.flatMap(({ spec }) => spec.secrets ?? []));
    const verified = new VerifiedCache(wheel.clock, limits.verifiedPasswords, limits.verifiedPasswordMs);
    const folders = new Map(this.roots.map(({ name, root }) => [name, root]));
    const hashes = new HashQueue(options.verify, verified, hashesAtOnce(limits.hashConcurrency), limits.hashQueue);
    this.#tools = { log, stats, wheel, limits, hashes, faults: new FaultLog(log, stats, wheel, (name) => folders.get(name) ?? '') };
    this.#lives = options.plugins.map(({ spec, loaded }) => this.#makeLife(spec, loaded));
    this.#plugins = new Map(this.#lives.map((life) => [life.name, life.runtime]));
    this.#chains = new Map(options.chains.map((spec) => [spec.name, new Chain(spec, this.#plugins, this.#tools)]));
    this.#globals = new Globals(this.#lives, this.#tools);
  }

  get global(): GlobalHooks {
    return this.#globals;
  }

  chain(name: string): ChainHooks {
    const chain = this.#chains.get(name);
    if (chain === undefined) throw new PortcullisError(ERRORS.invariant, `unknown chain ${name}`);
    return chain;
  }

  /** For attributing errors that escape. */
  get roots(): readonly PluginRoot[] {
    return this.#options.plugins.map(({ spec, loaded }) => ({ name: spec.name, root: loaded.root }));
  }

  /** Where the code of each entry comes from. */
  get packages(): ReadonlyMap<string, LoadedPlugin> {
    return new Map(this.#options.plugins.map(({ spec, loaded }) => [spec.name, loaded]));
  }

  /** How far each plugin is. */
  get states(): ReadonlyMap<string, PluginState> {
    return new Map(this.#lives.map(({ name, runtime }) => [name, runtime.state]));
  }

  /** Every plugin at this moment, in the order of the file. */
  get standings(): ReadonlyMap<string, PluginStanding> {
    return new Map(this.#lives.map(({ name, runtime }) => [name, runtime.standing]));
  }

  /** What plugins that have started tap, but are never asked, for where they stand. */
  get remarks(): readonly StartRemark[] {
    return this.#lives.filter(({ runtime }) => runtime.state === 'ready').flatMap((life) => this.#remarksOn(life));
  }

  /** Whether a plugin of startup mode `wait` is down: `ready` will not resolve before it is there. */
  get waits(): boolean {
    return this.#lives.some(({ runtime }) => runtime.spec.startup === 'wait' && runtime.state === 'down');
  }

  /**
   * Starts every plugin, one after the other. Rejects with everything that is wrong, after what was started has been stopped.
   * Until it has resolved, every question is a fault.
   */
  async prepare(): Promise<void> {
    if (this.#stage !== 'new') throw new PortcullisError(ERRORS.invariant, 'a plugin host is prepared once');
    this.#stage = 'preparing';
    try {
      refuse([...nameProblems(this.#options.chains, this.#plugins), ...this.#failoverProblems()]);
      await this.#beginAll();
      refuse(this.#problems());
    } catch (error) {
      await this.dispose();
      throw error;
    }
    this.#stage = 'prepared';
    this.#rebuild();
  }

  /** Resolves when no plugin of startup mode `wait` is down any more; rejects when one never can be ready, or the host was disposed. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** The configuration is as before: tells plugins to read again what they keep outside of it. Resolves with what they could not use. */
  async reload(): Promise<StartProblem[]> {
    const problems: StartProblem[] = [];
    for (const { name, runtime, instance } of this.#lives) {
      if (runtime.state !== 'ready') continue;
      for (const message of await instance.reload()) {
        // Here and not where it is found: that may be a thread, which has told us.
        this.#tools.log.error({ plugin: name, cause: message }, 'a plugin could not reload; it goes on as before');
        problems.push({ path: ['plugins', name], message });
      }
    }
    return problems;
  }

  /** Which plugins a reload gave something to read, and which have nothing outside of the configuration. */
  get rereads(): ReadAgain {
    const ready = this.#lives.filter(({ runtime }) => runtime.state === 'ready');
    const names = (some: boolean): string[] => ready.filter((life) => life.rereads === some).map(({ name }) => name);
    return { read: names(true), nothing: names(false) };
  }

  /**
   * Disposes when the questions that were put have been answered and nobody `isNeeded` by, at most after `pluginDrainMs` milliseconds: who is
   * being judged by these plugins is judged by them to the end. Another configuration is in force already.
   */
  async retire(isNeeded: () => boolean = () => false): Promise<void> {
    const { wheel, limits } = this.#tools;
    let over = false;
    const unused = new Promise<void>((resolve) => {
      const check = (): void => {
        if (over || !this.#lives.every(({ runtime }) => runtime.idle)) return;
        if (this.#ending !== null || !isNeeded()) resolve();
        else wheel.after(LOOK_AGAIN_MS, check);
      };
      for (const { runtime } of this.#lives) runtime.onIdle = check;
      check();
    });
    await within(wheel, limits.pluginDrainMs, () => unused);
    over = true;
    await this.dispose();
  }

  /** Ends open questions as faults, then stops the plugins, the last one first, within 5,000 milliseconds. */
  dispose(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  #makeLife(spec: PluginSpec, { definition: manifest, workerFile, root }: LoadedPlugin): PluginLife {
    const { baseFolder, services } = this.#options;
    const tools = this.#tools;
    const adopt = (life: PluginLife) => this.#adopt(life);
    if (workerFile === undefined) return new PluginLife({ spec, definition: manifest, root, baseFolder, services, tools }, adopt);
    const heard = { lost: (cause: string) => life.lost(cause), rereads: (some: boolean) => life.toldRereads(some) };
    const withdraw = (templates: readonly string[]) => services.withdrawGrants(spec.name, templates);
    const definition = workerDefinition({ manifest, file: workerFile, root, spec, tools, withdraw, ...heard });
    const life = new PluginLife({ spec, definition, root, baseFolder, services, tools }, adopt);
    return life;
  }

  /** All of them, also behind one that could not: whoever mends one mistake should not meet the next only then. */
  async #beginAll(): Promise<void> {
    const problems: StartProblem[] = [];
    for (const life of this.#lives) {
      try {
        await this.#begin(life);
      } catch (error) {
        if (!(error instanceof StartError) || this.#stage === 'ended') throw error;
        if (this.#lives.length === 1) throw error;
        problems.push(...error.problems);
      }
    }
    refuse(problems);
  }

  async #begin(life: PluginLife): Promise<void> {
    await life.begin();
    if (this.#stage === 'ended') throw new PortcullisError(ERRORS.shuttingDown, 'the plugin host was disposed');
  }

  #failoverProblems(): StartProblem[] {
    return this.#lives.flatMap(({ runtime }) => failoverProblem(runtime) ?? []);
  }

  #problems(): StartProblem[] {
    const { chains } = this.#options;
    const started = this.#lives.filter(({ runtime }) => runtime.state === 'ready');
    return [...started.flatMap(({ runtime }) => tapProblems(runtime, chains)), ...chains.flatMap((chain) => methodProblems(chain, this.#plugins))];
  }

  #remarksOn({ name, runtime }: PluginLife): StartRemark[] {
    return unaskedHooks(name, runtime.registry?.tapped ?? [], this.#options.chains);
  }

  /** A plugin that was down has started. While the others are still being started, the checks come at their end. */
  #adopt(life: PluginLife): void {
    if (this.#stage !== 'prepared') return;
    try {
      refuse(this.#problems());
    } catch (error) {
      if (life.runtime.spec.startup === 'wait') this.#ready.reject(error);
      throw error;
    }
    this.#rebuild();
    // Whoever started the broker or reloaded it does not look any more.
    for (const { message, hint } of this.#remarksOn(life)) this.#tools.log.warn({ plugin: life.name, hint }, `the plugin ${message}`);
    this.#options.changed?.();
  }

  #rebuild(): void {
    for (const chain of this.#chains.values()) chain.rebuild();
    this.#globals.rebuild();
    if (!this.waits) this.#ready.resolve();
  }

  async #end(): Promise<void> {
    this.#stage = 'ended';
    this.#ready.reject(new PortcullisError(ERRORS.shuttingDown, 'the plugin host was disposed'));
    await endLives(this.#lives, this.#tools, (name) => this.#options.services.removePlugin(name));
  }
}

function refuse(problems: readonly StartProblem[]): void {
  if (problems.length > 0) throw new StartError(problems);
}
