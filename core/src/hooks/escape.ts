import { sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ERRORS, errorText } from '../errors.js';
import type { Logger } from '../log.js';
import type { Stats } from '../stats.js';
import { placeOf } from './place.js';

/** A plugin and the folder that its code lies in. */
export interface PluginRoot {
  readonly name: string;
  readonly root: string;
}

/**
 * The plugin whose code an error comes from: that of the innermost frame of its stack that lies in a plugin's folder. By the stack and not by
 * an asynchronous context, which would tax every promise of the process.
 */
export function attribute(error: unknown, plugins: readonly PluginRoot[]): string | null {
  for (const frame of stackOf(error)) {
    let best: PluginRoot | null = null;
    for (const plugin of plugins) if (liesIn(frame, plugin.root) && (best === null || plugin.root.length > best.root.length)) best = plugin;
    if (best !== null) return best.name;
  }
  return null;
}

/** Catches what no handler of ours could: the process lives, the log says whose error it was. Returns a function that ends it. */
export function installEscapeHandlers(log: Logger, stats: Stats, plugins: () => readonly PluginRoot[]): () => void {
  const caught = (error: unknown) => report(error, log, stats, plugins());
  process.on('uncaughtException', caught);
  process.on('unhandledRejection', caught);
  return () => {
    process.off('uncaughtException', caught);
    process.off('unhandledRejection', caught);
  };
}

function report(error: unknown, log: Logger, stats: Stats, plugins: readonly PluginRoot[]): void {
  const cause = errorText(error);
  const plugin = attribute(error, plugins);
  if (plugin !== null) {
    stats.escapedErrors += 1;
    const at = placeOf(error, plugins.find(({ name }) => name === plugin)?.root ?? '')?.at;
    log.error({ code: ERRORS.pluginEscaped.code, plugin, cause, ...(at === undefined ? {} : { at }) }, 'an error escaped from a plugin');
    return;
  }
  stats.invariantsBroken += 1;
  log.error({ code: ERRORS.invariant.code, cause, at: stackOf(error)[0]?.trim() }, 'an error escaped from the broker');
}

function stackOf(error: unknown): readonly string[] {
  try {
    const stack: unknown = error instanceof Error ? error.stack : null;
    // The message comes first in the stack and may hold anything, also the path of a plugin.
    return typeof stack === 'string' ? stack.split('\n').filter((line) => /^\s+at /.test(line)) : [];
  } catch {
    return [];
  }
}

function liesIn(frame: string, root: string): boolean {
  return frame.includes(root + sep) || frame.includes(`${pathToFileURL(root).href}/`);
}
