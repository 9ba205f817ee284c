import type { BrokerHooks, HookName, PluginDefinition } from '@portcullis/sdk';
import type { Handler } from './asked-plugin.js';
import { HOOK_NAMES, HOOKS, isAuthorityHook, isHookName } from './hook-table.js';
import { didYouMean } from './nearest-name.js';
import { isMqttText } from './text.js';

/**
 * What one plugin taps in one start. Open until the start has settled. A mistake throws to the plugin and is kept as well: a plugin that
 * catches it must not start with half of its protection.
 */
export class TapRegistry {
  readonly #handlers = new Map<HookName, Handler>();
  readonly #methods = new Map<string, Handler>();
  readonly #problems: string[] = [];
  #open = true;

  /** The `hooks` of the plugin: every hook has `tap` and nothing else. */
  readonly hooks: BrokerHooks = this.#makeHooks();

  close(): void {
    this.#open = false;
  }

  get problems(): readonly string[] {
    return this.#problems;
  }

  get tapped(): readonly HookName[] {
    return HOOK_NAMES.filter((name) => this.has(name));
  }

  get methods(): readonly string[] {
    return [...this.#methods.keys()];
  }

  has(hook: HookName): boolean {
    return hook === 'authenticateEnhanced' ? this.#methods.size > 0 : this.#handlers.has(hook);
  }

  handler(hook: HookName): Handler | undefined {
    return this.#handlers.get(hook);
  }

  methodHandler(method: string): Handler | undefined {
    return this.#methods.get(method);
  }

  #makeHooks(): BrokerHooks {
    const hooks: Record<string, { tap(...given: unknown[]): void }> = Object.create(null);
    for (const name of HOOK_NAMES) {
      const tap =
        name === 'authenticateEnhanced' ? (...given: unknown[]) => this.#tapMethod(given) : (...given: unknown[]) => this.#tap(name, given[0]);
      hooks[name] = Object.freeze({ tap });
    }
    return new Proxy(Object.freeze(hooks), {
      get: (target, name) => (typeof name !== 'string' || name === 'then' || isHookName(name) ? target[name as string] : this.#unknown(name)),
    }) as unknown as BrokerHooks;
  }

  #unknown(name: string): { tap(): void } {
    return { tap: () => this.#refuse(`unknown hook ${JSON.stringify(name.slice(0, 64))}${didYouMean(name, HOOK_NAMES)}`) };
  }

  #tap(hook: HookName, handler: unknown): void {
    this.#checkOpen(hook);
    if (typeof handler !== 'function') this.#refuse(`hooks.${hook}.tap takes a function`);
    if (this.#handlers.has(hook)) this.#refuse(`hooks.${hook} is tapped twice; a plugin has one handler for each hook`);
    this.#handlers.set(hook, handler as Handler);
  }

  #tapMethod([method, handler]: unknown[]): void {
    this.#checkOpen('authenticateEnhanced');
    if (!isMqttText(method) || method === '') this.#refuse('hooks.authenticateEnhanced.tap takes the name of a method and a function');
    if (typeof handler !== 'function') this.#refuse('hooks.authenticateEnhanced.tap takes the name of a method and a function');
    if (this.#methods.has(method as string)) this.#refuse(`hooks.authenticateEnhanced is tapped twice for the method ${JSON.stringify(method)}`);
    this.#methods.set(method as string, handler as Handler);
  }

  /** A tap that came later would change who is asked behind the checks' back. */
  #checkOpen(hook: string): void {
    if (!this.#open) throw new Error(`hooks.${hook} can be tapped until start has settled, not later`);
  }

  #refuse(problem: string): never {
    this.#problems.push(problem);
    throw new Error(problem);
  }
}

/**
 * What a plugin counts as tapping while nobody knows, because its start has failed so far: everything that can refuse or change a CONNECT or a
 * message, less what its manifest rules out. Sockets are refused for it only if its manifest says that it judges them: whoever may tap anything is
 * asked at the CONNECT, too, which then gets an answer.
 */
export function assumedTaps(hook: HookName, { decides, taps }: PluginDefinition): boolean {
  if (HOOKS[hook].role === 'observer') return false;
  if (hook === 'acceptConnection' || hook === 'upgradeWebSocket') return taps?.includes(hook) === true;
  if (isAuthorityHook(hook) && decides?.[hook] === undefined) return false;
  return taps === undefined || taps.includes(hook);
}
