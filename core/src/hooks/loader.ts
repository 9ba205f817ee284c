import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { PluginDefinition } from '@portcullis/sdk';
import { ERRORS, errorText, PortcullisError } from '../errors.js';
import { codeHasChanged } from './code-marks.js';
import { copyDefinition, definitionProblems } from './definition.js';
import { importText } from './import-text.js';
import { findPackage } from './package-entry.js';
import { readManifest } from './worker/read-manifest.js';

/** A plugin's package, imported and checked; nothing of it has been started. */
export interface LoadedPlugin {
  readonly definition: PluginDefinition;
  /** The package's folder, links resolved. Errors that escape are attributed by it. */
  readonly root: string;
  readonly packageName: string;
  readonly version: string;
  /** The plugin's module, when it lives in a worker: then `definition` holds its manifest only. */
  readonly workerFile?: string;
  /** Its file is another than the one that this process has imported and goes on running. */
  readonly codeChanged?: true;
}

export type Isolation = 'inProcess' | 'worker';

const IMPORT_MS = 30_000;

/**
 * Imports the plugin that `use` names: a package, looked for from `baseFolder` and then from the broker's own place, or a folder. Of one that is
 * isolated in a worker only the manifest is read, in a worker.
 *
 * Throws a PortcullisError of one line that says what is wrong and what to do.
 */
export async function loadPlugin(use: string, baseFolder: string, isolation: Isolation = 'inProcess'): Promise<LoadedPlugin> {
  try {
    const { file, root, packageName, version } = await findPackage(use, baseFolder, [dirname(fileURLToPath(import.meta.url))]);
    if (isolation === 'worker') {
      return Object.freeze({ definition: await readManifest(file, root, IMPORT_MS), root, packageName, version, workerFile: file });
    }
    const changed = await codeHasChanged(file);
    const definition = definitionOf(await importModule(file, root));
    return Object.freeze({ definition, root, packageName, version, ...(changed && { codeChanged: true as const }) });
  } catch (error) {
    throw new PortcullisError(ERRORS.pluginLoad, `plugin ${JSON.stringify(use)} cannot be loaded: ${firstLine(errorText(error))}`, { cause: error });
  }
}

function definitionOf(module: Readonly<Record<string, unknown>>): PluginDefinition {
  if (!('default' in module)) throw new Error('its module has no default export; it must be what definePlugin returns');
  const problems = definitionProblems(module.default);
  if (problems.length > 0) throw new Error(problems.join('; '));
  return copyDefinition(module.default as PluginDefinition);
}

/** An import that awaits something that never comes would leave the broker neither started nor refused. */
async function importModule(file: string, root: string): Promise<Readonly<Record<string, unknown>>> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`importing ${file} has not ended within ${IMPORT_MS / 1000} s`)), IMPORT_MS);
  });
  try {
    return await Promise.race([import(pathToFileURL(file).href) as Promise<Readonly<Record<string, unknown>>>, late]);
  } catch (error) {
    throw new Error(await importText(error, file, root), { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] as string;
}
