import { resolve } from 'node:path';
import type { PluginDefinition } from '@portcullis/sdk';
import { loadEverything } from './cli/load-all.js';
import { problemLines } from './cli/print-problems.js';
import { ERRORS, PortcullisError } from './errors.js';
import type { GenerationInput } from './generation.js';
import { copyDefinition, definitionProblems, type LoadedPlugin, loadPlugin } from './hooks/index.js';

export { type Clock, ManualClock } from './clock.js';
export type { GenerationInput } from './generation.js';

/**
 * The door of `@portcullis/testing`, and of nobody else: it may change with any release of the broker.
 *
 * Reads and judges a configuration file as `portcullis serve` does, except that for every `use` in `definitions` that definition is taken and
 * nothing is imported: a plugin's own test has its plugin in hand, and a module is imported only once in a process.
 *
 * Throws a PortcullisError whose message has a line for each mistake.
 */
export async function loadForTest(
  configFile: string,
  env: Readonly<Record<string, string | undefined>>,
  definitions: ReadonlyMap<string, PluginDefinition>,
): Promise<GenerationInput> {
  const everything = await loadEverything(configFile, env, async (use, baseFolder, isolation) => {
    const definition = definitions.get(use);
    return definition === undefined ? loadPlugin(use, baseFolder, isolation) : inHand(definition, resolve(baseFolder, use), isolation);
  });
  if ('problems' in everything) throw new PortcullisError(ERRORS.config, problemLines(configFile, everything.problems).join('\n'));
  return { config: everything.config, plugins: everything.plugins };
}

function inHand(definition: PluginDefinition, root: string, isolation: string | undefined): LoadedPlugin {
  if (isolation === 'worker') {
    throw new PortcullisError(
      ERRORS.pluginLoad,
      'a definition runs where its test runs; give the folder of its package to have the plugin in a worker',
    );
  }
  const problems = definitionProblems(definition);
  if (problems.length > 0) throw new PortcullisError(ERRORS.pluginLoad, problems.join('; '));
  return Object.freeze({ definition: copyDefinition(definition), root, packageName: definition.name, version: '0.0.0' });
}
