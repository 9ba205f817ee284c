import type { WheelTimer } from '../clock.js';
import { ERRORS, errorText } from '../errors.js';
import type { HostTools } from './asked-plugin.js';
import { frozenConfig } from './frozen-view.js';
import { isBackendUnavailable } from './judge-answer.js';
import { NewsQueue } from './news-queue.js';
import { startText } from './place.js';
import { type InstanceInit, PluginInstance } from './plugin-instance.js';
import { PluginRuntime } from './plugin-runtime.js';
import { StartError } from './start-error.js';
import { within } from './within.js';
import { Restarts } from './worker/restarts.js';

const FIRST_RETRY_MS = 1000;
/** Longest pause between two starts: a backend that is back must be in use within five seconds, of which the start itself takes some. */
const LAST_RETRY_MS = 2500;
/** A start that fails as the one before is told of so often. */
const SAME_CAUSE_MS = 30_000;
const STOP_MS = 5000;

/** Called when a later start succeeded, before the plugin is asked anything; throws when the configuration does not fit what it taps. */
export type Adopt = (life: PluginLife) => void;

export interface LifeInit extends InstanceInit {
  /** Folder of the plugin's package. */
  readonly root: string;
  readonly tools: HostTools;
}

/** A plugin from its first start to its end: started, tried again while its backend is down, stopped. */
export class PluginLife {
  readonly runtime: PluginRuntime;
  readonly news: NewsQueue;
  readonly #init: LifeInit;
  readonly #tools: HostTools;
  readonly #config: unknown;
  readonly #adopt: Adopt;
  #instance: PluginInstance;
  readonly #restarts: Restarts;
  /** What a thread has said at the last reload; the callback that stands for it here says nothing. */
  #threadRereads = true;
  #retryMs = FIRST_RETRY_MS;
  #retry: WheelTimer | null = null;
  /** What was last told of a start that failed, and when, in monotonic milliseconds. */
  #told: { readonly text: string; readonly at: number } | null = null;
  #ended = false;

  constructor(init: LifeInit, adopt: Adopt) {
    this.#init = init;
    this.#tools = init.tools;
    this.#adopt = adopt;
    this.#config = frozenConfig(init.spec.config);
    this.runtime = new PluginRuntime(init.spec, init.definition, init.tools);
    this.news = new NewsQueue(init.spec.name, init.tools);
    this.#instance = new PluginInstance(init);
    this.#restarts = new Restarts(init.tools.limits.workerRestartMs, init.tools.limits.workerRestartMaxMs);
  }

  get name(): string {
    return this.#init.spec.name;
  }

  get instance(): PluginInstance {
    return this.#instance;
  }

  /** The first start. Throws when the broker must not start; when the plugin's backend is down, its start is tried again later. */
  async begin(): Promise<void> {
    try {
      await this.#instance.start(this.#config);
    } catch (error) {
      await this.#stopInstance();
      if (!isBackendUnavailable(error) || this.#init.spec.startup === 'exit') throw this.#startError(error);
      this.#tell(error, 'the backend of a plugin is down; its start is tried again');
      this.#beDown(error);
      return;
    }
    this.#becomeReady();
  }

  /** Whether a reload gave the plugin anything to read again. */
  get rereads(): boolean {
    return this.#instance.rereads && this.#threadRereads;
  }

  /** The thread that the plugin lives in tells whether it had. */
  toldRereads(some: boolean): void {
    this.#threadRereads = some;
  }

  /** The thread that the plugin lives in has ended. Its questions are faults until it has been started again. */
  lost(cause: string): void {
    if (this.#ended || this.runtime.state !== 'ready') return;
    const { log, stats, wheel } = this.#tools;
    this.runtime.becomeDown(this.#instance.registry, cause);
    stats.workersLost += 1;
    const pauseMs = Math.round(this.#restarts.pause(wheel.clock.now()));
    log.error({ code: ERRORS.pluginFault.code, plugin: this.name, cause, pauseMs }, 'the worker of a plugin has ended; another is started');
    void this.#stopInstance().then(() => {
      if (!this.#ended) this.#retry = wheel.after(pauseMs, () => void this.#tryAgain());
    });
  }

  /** Ends everything that happens by itself: questions, timers, further starts. */
  signalEnd(): void {
    this.#ended = true;
    if (this.#retry !== null) this.#tools.wheel.cancel(this.#retry);
    this.runtime.stop();
    this.news.stop();
    this.#instance.signalStop();
  }

  async #tryAgain(): Promise<void> {
    this.#retry = null;
    this.#instance = new PluginInstance(this.#init);
    try {
      await this.#instance.start(this.#config);
    } catch (error) {
      await this.#stopInstance();
      if (this.#ended) return;
      this.#tell(error, 'a plugin could not start; it is tried again');
      this.#beDown(error);
      return;
    }
    await this.#takeUp();
  }

  async #takeUp(): Promise<void> {
    this.#becomeReady();
    try {
      this.#adopt(this);
    } catch (error) {
      // What it taps does not fit the chains; that does not get better by trying.
      this.runtime.becomeDown(this.#instance.registry, this.#text(error));
      this.#tools.log.error({ plugin: this.name, cause: errorText(error) }, 'a plugin started, but the configuration does not fit it');
      await this.#stopInstance();
      return;
    }
    this.#tools.log.info({ plugin: this.name }, 'the plugin is ready');
  }

  #becomeReady(): void {
    this.#restarts.started(this.#tools.wheel.clock.now());
    this.#retryMs = FIRST_RETRY_MS;
    this.#told = null;
    this.runtime.becomeReady(this.#instance.registry);
  }

  #beDown(error: unknown): void {
    this.runtime.becomeDown(this.#instance.registry, this.#text(error));
    if (this.#ended) return;
    this.#retry = this.#tools.wheel.after(this.#retryMs, () => void this.#tryAgain());
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
  }

  #tell(error: unknown, message: string): void {
    const cause = errorText(error);
    const { log, wheel } = this.#tools;
    const at = wheel.clock.now();
    const text = `${message}: ${cause}`;
    if (this.#told?.text === text && at - this.#told.at < SAME_CAUSE_MS) return;
    this.#told = { text, at };
    log.warn({ plugin: this.name, cause }, message);
  }

  async #stopInstance(): Promise<void> {
    const instance = this.#instance;
    instance.signalStop();
    const stopped = await within(this.#tools.wheel, STOP_MS, () => instance.runDisposers());
    if (!stopped) instance.abandonDisposers();
    this.#init.services.removePlugin(this.name);
  }

  #startError(error: unknown): StartError {
    const text = this.#tools.log.hide(startText(error, this.#init.root));
    return new StartError([{ path: ['plugins', this.name], message: `plugin ${this.name} could not start: ${text}` }], { cause: error });
  }

  /** What a plugin says of itself, without its secrets: it is shown by other ways than the log, too. */
  #text(error: unknown): string {
    return this.#tools.log.hide(errorText(error));
  }
}

/** Stops plugins, the last started first: signals all, then runs their callbacks, all within one deadline. */
export async function endLives(lives: readonly PluginLife[], tools: HostTools, removed: (name: string) => void): Promise<void> {
  const backwards = [...lives].reverse();
  for (const life of backwards) life.signalEnd();
  const stopped = await within(tools.wheel, STOP_MS, async () => {
    for (const life of backwards) await life.instance.runDisposers();
  });
  if (!stopped) {
    tools.log.warn({ milliseconds: STOP_MS }, 'plugins have not stopped in time');
    for (const life of backwards) life.instance.abandonDisposers();
  }
  for (const life of backwards) removed(life.name);
}
