import type { PluginTimers } from '@portcullis/sdk';
import { WheelTimer } from '../clock.js';
import type { InstanceTools } from './asked-plugin.js';
import { silencePromiseWith } from './silence-promise.js';

type TimerTools = Pick<InstanceTools, 'wheel' | 'limits' | 'faults'>;

/** The timers of one plugin. They end with it; what their callbacks throw is logged in its name. */
export class TimerSet implements PluginTimers {
  readonly #plugin: string;
  readonly #tools: TimerTools;
  readonly #timers = new Set<WheelTimer>();
  #ended = false;

  constructor(plugin: string, tools: TimerTools) {
    this.#plugin = plugin;
    this.#tools = tools;
  }

  after(milliseconds: number, callback: () => void): () => void {
    return this.#add(milliseconds, callback, false);
  }

  every(milliseconds: number, callback: () => void): () => void {
    return this.#add(milliseconds, callback, true);
  }

  end(): void {
    this.#ended = true;
    for (const timer of this.#timers) this.#tools.wheel.cancel(timer);
    this.#timers.clear();
  }

  #add(milliseconds: number, callback: () => void, again: boolean): () => void {
    const { wheel, limits } = this.#tools;
    if (typeof callback !== 'function') throw new TypeError('a timer needs a callback');
    if (typeof milliseconds !== 'number' || !Number.isFinite(milliseconds) || milliseconds < 0) {
      throw new TypeError('a timer needs a time in milliseconds');
    }
    if (this.#ended) throw new Error(`plugin ${this.#plugin} was stopped: it can set no timer`);
    if (this.#timers.size >= limits.pluginTimers) throw new Error(`plugin ${this.#plugin} has ${limits.pluginTimers} timers already`);
    const timer = new WheelTimer(() => {
      if (again) wheel.schedule(timer, milliseconds);
      else this.#timers.delete(timer);
      this.#run(callback);
    });
    this.#timers.add(timer);
    wheel.schedule(timer, milliseconds);
    return () => {
      wheel.cancel(timer);
      this.#timers.delete(timer);
    };
  }

  #run(callback: () => unknown): void {
    const failed = (error: unknown) => this.#tools.faults.escaped(this.#plugin, 'timer', error);
    try {
      silencePromiseWith(callback(), failed);
    } catch (error) {
      failed(error);
    }
  }
}
