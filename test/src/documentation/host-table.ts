import type { HookSpec } from './hooks-page.js';

/** The host's own table of hooks; the public door does not lead to it. */
export async function hookTable(): Promise<Readonly<Record<string, HookSpec>>> {
  const module: unknown = await import(new URL('../../../core/dist/hooks/hook-table.js', import.meta.url).href);
  return (module as { readonly HOOKS: Readonly<Record<string, HookSpec>> }).HOOKS;
}

/** What each authority hook may be answered with, from the same place. */
export async function authorityAnswers(): Promise<Readonly<Record<string, readonly string[]>>> {
  const module: unknown = await import(new URL('../../../core/dist/hooks/hook-table.js', import.meta.url).href);
  return (module as { readonly AUTHORITY_ANSWERS: Readonly<Record<string, readonly string[]>> }).AUTHORITY_ANSWERS;
}
