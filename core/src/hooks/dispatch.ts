import type { HookName } from '@portcullis/sdk';
import { AsyncSeriesBailHook, SyncBailHook, SyncHook } from 'tapable';
import { ERRORS, errorText } from '../errors.js';
import type { HostTools } from './asked-plugin.js';
import { Fold } from './fold.js';
import { type FaultOutcome, fault } from './outcome.js';
import type { PluginRuntime } from './plugin-runtime.js';
import type { AskOptions, Pending } from './specs.js';

// tapable takes part in nothing but the order of the walk. Plugins never see its hooks; every tap is made here, calls back exactly once, never
// throws and never uses the error argument; only tapAsync and tap are used, and only `undefined` goes on.

/** Asks one plugin on behalf of a walk: calls `next()` to go on, `next(result)` to end it. */
export type AskOne<Result> = (plugin: PluginRuntime, fold: Fold<Result>, next: (result?: Result) => void) => Pending | null;

/** A question that walks along plugins, each of which may take its time. */
export class Walk<Result> {
  readonly #hook: AsyncSeriesBailHook<[Fold<Result>], Result>;
  readonly #tools: HostTools;
  readonly #runOut: (fold: Fold<Result>) => Result;
  readonly #broken: (failed: FaultOutcome) => Result;

  constructor(
    name: HookName,
    plugins: readonly PluginRuntime[],
    tools: HostTools,
    parts: { readonly ask: AskOne<Result>; readonly runOut: (fold: Fold<Result>) => Result; readonly broken: (failed: FaultOutcome) => Result },
  ) {
    this.#tools = tools;
    this.#runOut = parts.runOut;
    this.#broken = parts.broken;
    this.#hook = new AsyncSeriesBailHook(['fold'], name);
    for (const plugin of plugins) {
      this.#hook.tapAsync(plugin.name, (fold, callback) => {
        let answered = false;
        const next = (result?: Result) => {
          if (answered) return;
          answered = true;
          if (result === undefined) callback();
          else callback(null, result);
        };
        try {
          fold.waitFor(parts.ask(plugin, fold, next));
        } catch (error) {
          // Thrown here, behind an asynchronous answer, it would reach nobody, and the walk would never end.
          next(parts.broken(invariant(tools, error)));
        }
      });
    }
  }

  start(request: object, options: AskOptions, done: (outcome: Result) => void): Pending | null {
    const fold = new Fold<Result>(request, options, this.#tools, done);
    try {
      this.#hook.callAsync(fold, (error, result) => {
        if (error) fold.end(this.#broken(invariant(this.#tools, error)));
        else fold.end(result ?? this.#runOut(fold));
      });
    } catch (error) {
      fold.end(this.#broken(invariant(this.#tools, error)));
    }
    return fold.over ? null : fold;
  }
}

/** A question that walks along plugins which answer at once. `ask` returns undefined to go on. */
export class SyncWalk<Context extends object, Result> {
  readonly #hook: SyncBailHook<[Context], Result | undefined>;

  constructor(name: HookName, plugins: readonly PluginRuntime[], ask: (plugin: PluginRuntime, context: Context) => Result | undefined) {
    this.#hook = new SyncBailHook(['context'], name);
    for (const plugin of plugins) this.#hook.tap(plugin.name, (context) => ask(plugin, context));
  }

  /** Undefined when every plugin let the walk go on. */
  start(context: Context): Result | undefined {
    return this.#hook.call(context);
  }
}

/** News that go to every plugin that listens. */
export class Announcement {
  readonly #hook: SyncHook<[object]>;

  constructor(name: HookName, listeners: readonly { readonly name: string; enqueue(news: object): void }[]) {
    this.#hook = new SyncHook(['news'], name);
    for (const listener of listeners) this.#hook.tap(listener.name, (news) => listener.enqueue(news));
  }

  make(news: object): void {
    this.#hook.call(news);
  }
}

/** Something that only a mistake of ours, or a Node without code generation, can bring about. */
export function invariant(tools: HostTools, error: unknown): FaultOutcome {
  tools.stats.invariantsBroken += 1;
  tools.log.error({ code: ERRORS.invariant.code, cause: errorText(error) }, 'a hook could not be dispatched');
  return fault(null, `the hook could not be dispatched: ${errorText(error)}`);
}
