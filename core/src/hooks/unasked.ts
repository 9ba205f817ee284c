import type { HookName } from '@portcullis/sdk';
import { type AskedList, HOOKS } from './hook-table.js';
import type { ChainSpec } from './specs.js';

/** Something that does not keep the plugins from starting, but is hardly meant. */
export interface StartRemark {
  /** Keys from the top of the configuration. */
  readonly path: readonly string[];
  readonly message: string;
  readonly hint: string;
  /** The list that it is about, and the hooks. */
  readonly list: ChainList;
  readonly hooks: readonly HookName[];
}

export type ChainList = Exclude<AskedList, 'all'>;

const LISTS = ['guards', 'authenticate', 'authorize'] as const satisfies readonly ChainList[];

/**
 * What a plugin taps in vain: each list of a chain asks its own hooks only, so a guard of a plugin that stands elsewhere protects nothing. No mistake by
 * itself, for one package may offer both a guard and an authority. Of a plugin that stands in no list at all more is said elsewhere.
 */
export function unaskedHooks(
  plugin: string,
  tapped: readonly HookName[],
  chains: readonly Pick<ChainSpec, 'guards' | 'authenticate' | 'authorize'>[],
): StartRemark[] {
  const stands = LISTS.filter((list) => chains.some((chain) => chain[list].includes(plugin)));
  if (stands.length === 0) return [];
  return LISTS.filter((list) => !stands.includes(list)).flatMap((list) => {
    const hooks = tapped.filter((hook) => HOOKS[hook].asked === list);
    if (hooks.length === 0) return [];
    const [there, remove] = hooks.length === 1 ? ['it is', 'the hook'] : ['they are', 'the hooks'];
    const message = `taps ${hooks.join(', ')}, but stands under "${list}" of no chain, so ${there} never asked there`;
    return [{ path: ['plugins', plugin], message, hint: `add it to "${list}" of a chain, or remove ${remove}`, list, hooks }];
  });
}
