import type { HookName, PluginDefinition } from '@portcullis/sdk';
import { HOOKS } from '../hook-table.js';

const REMEDY = '"isolation": "inProcess" runs it inside the broker, where it can be';

/** Whether a plugin in a thread of its own cannot be asked on a hook: the answer is needed before the broker goes on. News is not asked. */
export function mustBeAnsweredAtOnce(hook: HookName): boolean {
  return HOOKS[hook].sync && HOOKS[hook].role !== 'observer';
}

/** Why a plugin that taps these hooks cannot live in a worker; null when it can. */
export function tapsProblem(name: string, taps: readonly HookName[]): string | null {
  const hooks = taps.filter(mustBeAnsweredAtOnce);
  if (hooks.length === 0) return null;
  return `plugin ${name} taps ${hooks.join(', ')}, which must be answered at once; a plugin in a worker cannot be asked there: ${REMEDY}`;
}

/** The same, as far as its manifest tells. */
export function manifestProblem(name: string, { taps, capabilities }: PluginDefinition): string | null {
  if (capabilities?.includes('stores') === true) {
    return `plugin ${name} provides a store, which the broker calls and waits for; a plugin in a worker cannot be called so: ${REMEDY}`;
  }
  return tapsProblem(name, taps ?? []);
}
