import type { HookName, PluginDefinition } from '@portcullis/sdk';
import { HOOK_NAMES, HOOKS, isAuthorityHook } from './hook-table.js';
import { didYouMean } from './nearest-name.js';
import type { PluginRuntime } from './plugin-runtime.js';
import type { ChainSpec } from './specs.js';
import type { StartProblem } from './start-error.js';

type List = 'guards' | 'authenticate' | 'authorize';
const LISTS: readonly List[] = ['guards', 'authenticate', 'authorize'];

/** What must be tapped by a plugin that stands in a list; without it, the entry would promise something that nobody does. */
const PURPOSE: Readonly<Record<List, readonly HookName[]>> = {
  guards: HOOK_NAMES.filter((hook) => HOOKS[hook].asked === 'guards'),
  authenticate: ['authenticate', 'authenticateEnhanced'],
  authorize: ['loadPolicy', 'authorize'],
};

/** Hooks that are asked along a chain: tapping them without standing in one protects nothing. */
const NEEDS_CHAIN: readonly HookName[] = HOOK_NAMES.filter((hook) => HOOKS[hook].asked !== 'all' && hook !== 'refreshIdentity');

/** Whether the chains name plugins that exist. Known before anything is started. */
export function nameProblems(chains: readonly ChainSpec[], plugins: ReadonlyMap<string, PluginRuntime>): StartProblem[] {
  const problems: StartProblem[] = [];
  for (const chain of chains) {
    for (const list of LISTS) {
      for (const name of chain[list]) {
        if (plugins.has(name)) continue;
        const message = `chain ${chain.name}: "${list}" names the unknown plugin "${name}"${didYouMean(name, [...plugins.keys()])}`;
        problems.push({ path: ['chains', chain.name, list], message });
      }
    }
  }
  return problems;
}

/** Whether `onFault: "skip"` is asked for by an authority that may deny. Known before anything is started. */
export function failoverProblem(plugin: PluginRuntime): StartProblem | null {
  if (plugin.spec.onFault !== 'skip') return null;
  const says = plugin.definition.decides?.authenticate;
  if (says?.every((answer) => answer === 'allow' || answer === 'skip') === true) return null;
  const message =
    `plugin ${plugin.name}: "onFault": "skip" is only for a plugin whose manifest says that its authenticate never denies ` +
    '(decides: { authenticate: ["allow", "skip"] }); past one that may deny, a fault would let in whom it would have refused';
  return { path: ['plugins', plugin.name, 'onFault'], message };
}

/** Whether what a started plugin taps fits its manifest and the chains. */
export function tapProblems(plugin: PluginRuntime, chains: readonly ChainSpec[]): StartProblem[] {
  const tapped = plugin.registry?.tapped ?? [];
  const { decides, taps } = plugin.definition;
  const messages: string[] = [];
  for (const hook of tapped) {
    if (isAuthorityHook(hook) && decides?.[hook] === undefined) {
      messages.push(`plugin ${plugin.name} taps ${hook}, but "decides" of its manifest does not say what it may answer there`);
    }
    if (taps !== undefined && !taps.includes(hook)) messages.push(`plugin ${plugin.name} taps ${hook}, which "taps" of its manifest does not list`);
  }
  const listed = chains.some((chain) => LISTS.some((list) => chain[list].includes(plugin.name)));
  const homeless = listed ? undefined : tapped.find((hook) => NEEDS_CHAIN.includes(hook));
  if (homeless !== undefined) {
    messages.push(`plugin ${plugin.name} taps ${homeless}, but stands in no chain: list it in a chain, or remove its entry`);
  }
  const path = ['plugins', plugin.name];
  return [...messages.map((message) => ({ path, message })), ...chains.flatMap((chain) => listProblems(plugin, tapped, chain))];
}

/** The hook for which a plugin that stands in no chain needs one, as far as its manifest tells; null when it tells of none. */
export function homelessHook({ decides, taps }: PluginDefinition): HookName | null {
  return (
    HOOK_NAMES.find(
      (hook) => NEEDS_CHAIN.includes(hook) && (taps?.includes(hook) === true || (isAuthorityHook(hook) && decides?.[hook] !== undefined)),
    ) ?? null
  );
}

function listProblems(plugin: PluginRuntime, tapped: readonly HookName[], chain: ChainSpec): StartProblem[] {
  return LISTS.filter((list) => chain[list].includes(plugin.name) && !PURPOSE[list].some((hook) => tapped.includes(hook))).map((list) => ({
    path: ['chains', chain.name, list],
    message: `chain ${chain.name}: "${list}" names the plugin ${plugin.name}, which taps none of ${PURPOSE[list].join(', ')}`,
  }));
}

/** Whether two plugins of a chain own the same authentication method. */
export function methodProblems(chain: ChainSpec, plugins: ReadonlyMap<string, PluginRuntime>): StartProblem[] {
  const owners = new Map<string, string>();
  const problems: StartProblem[] = [];
  for (const name of chain.authenticate) {
    for (const method of plugins.get(name)?.registry?.methods ?? []) {
      const owner = owners.get(method);
      if (owner === undefined) owners.set(method, name);
      else if (owner !== name) {
        const message = `chain ${chain.name}: the authentication method ${JSON.stringify(method)} is owned by both ${owner} and ${name}`;
        problems.push({ path: ['chains', chain.name, 'authenticate'], message });
      }
    }
  }
  return problems;
}
