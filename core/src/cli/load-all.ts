import {
  type ConfigDocument,
  type LoadableEntry,
  loadableEntries,
  type PortcullisConfig,
  type Problem,
  parseConfigFile,
  sortProblems,
  validateDocument,
  validatePluginConfig,
} from '../config/index.js';
import { errorText } from '../errors.js';
import { homelessHook, type LoadedPlugin, loadPlugin, manifestProblem, type PluginSpec, unaskedHooks } from '../hooks/index.js';
import { remarkWarnings } from './remarks.js';

/** A plugin's entry with its options, and its code. */
export interface ReadyPlugin {
  readonly spec: PluginSpec;
  readonly loaded: LoadedPlugin;
}

export interface Everything {
  /** The file as read, for the places of problems that are found later. */
  readonly document: ConfigDocument;
  readonly config: PortcullisConfig;
  /** In the order of the file. */
  readonly plugins: readonly ReadyPlugin[];
  readonly warnings: readonly Problem[];
}

export interface NotLoaded {
  /** By position; never empty. */
  readonly problems: readonly Problem[];
  /** Whether the file is not there at all. */
  readonly missing: boolean;
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Reads the configuration, loads every plugin and judges its options, without starting anything. All mistakes at once: those of plugins are
 * found even while the file has others.
 */
export async function loadEverything(configFile: string, env: Env, load: typeof loadPlugin = loadPlugin): Promise<Everything | NotLoaded> {
  const parsed = await parseConfigFile(configFile);
  if ('problems' in parsed) return parsed;
  const { document } = parsed;
  const { config, problems: found, warnings } = validateDocument(document, env);
  const problems = [...found];
  const remarks = [...warnings];
  const byName = new Map<string, Pick<ReadyPlugin, 'loaded'> & { config: unknown; secrets: readonly string[] }>();
  for (const entry of loadableEntries(document)) {
    const loaded = await loadEntry(document, entry, problems, load);
    if (loaded === null) continue;
    const result = validatePluginConfig(document, entry.name, loaded.definition.config, env);
    remarks.push(...result.warnings, ...codeWarnings(document, entry.name, loaded));
    problems.push(...result.problems, ...faultProblems(document, entry.name, loaded), ...chainProblems(document, entry.name, loaded));
    problems.push(...workerProblems(document, entry.name, loaded));
    byName.set(entry.name, { loaded, config: result.value, secrets: result.secrets });
  }
  if (config === null || problems.length > 0) return { problems: sortProblems(problems), missing: false };
  const plugins = config.plugins.flatMap((spec) => {
    const ready = byName.get(spec.name);
    return ready === undefined ? [] : [{ spec: Object.freeze({ ...spec, config: ready.config, secrets: ready.secrets }), loaded: ready.loaded }];
  });
  // As far as manifests tell; what they do not say is found when the plugins have started.
  const chains = [...config.chains.values()];
  const unasked = plugins.flatMap(({ spec, loaded }) => unaskedHooks(spec.name, loaded.definition.taps ?? [], chains));
  return { document, config, plugins, warnings: sortProblems([...remarks, ...remarkWarnings(document, unasked, [])]) };
}

async function loadEntry(
  document: ConfigDocument,
  { name, use, useAt, isolation }: LoadableEntry,
  problems: Problem[],
  load: typeof loadPlugin,
): Promise<LoadedPlugin | null> {
  try {
    return await load(use, document.folder, isolation);
  } catch (error) {
    problems.push({ ...useAt, path: document.json.problem(['plugins', name, 'use'], '').path, message: errorText(error), hint: null });
    return null;
  }
}

/** Node.js imports a module once in a process: whoever mends a plugin and reloads would believe that the mended one runs. */
export function codeWarnings({ json }: ConfigDocument, name: string, { codeChanged }: LoadedPlugin): Problem[] {
  if (codeChanged !== true) return [];
  const message = 'its code has changed, and a reload does not load it again: what runs is the code from before';
  return [json.problem(['plugins', name, 'use'], message, 'restart the broker; a plugin in a worker gets its code anew with each start')];
}

/** Failing over to the next authority is safe only behind one that never denies: else its fault would undo its "no". */
function faultProblems({ json }: ConfigDocument, name: string, { definition }: LoadedPlugin): Problem[] {
  const path = ['plugins', name, 'onFault'];
  if (json.node(path)?.value !== 'skip') return [];
  const answers = definition.decides?.authenticate;
  if (answers?.every((answer) => answer === 'allow' || answer === 'skip') === true) return [];
  const message = '"skip" is only for an authority that never denies';
  return [
    json.problem(
      path,
      message,
      `${definition.name} does not declare decides: { authenticate: ["allow", "skip"] }; a user it would have denied could get in`,
    ),
  ];
}

/** What the manifest says that cannot be done in a worker. What it does not say is found when the plugin starts. */
function workerProblems({ json }: ConfigDocument, name: string, { definition, workerFile }: LoadedPlugin): Problem[] {
  const message = workerFile === undefined ? null : manifestProblem(name, definition);
  return message === null ? [] : [json.problem(['plugins', name, 'isolation'], message)];
}

/** A plugin that protects something, but in no chain, protects nothing. Found here as far as its manifest tells, else when it starts. */
function chainProblems({ json }: ConfigDocument, name: string, { definition }: LoadedPlugin): Problem[] {
  const hook = homelessHook(definition);
  if (hook === null) return [];
  const chains = json.node(['chains'])?.members?.keys() ?? [];
  for (const chain of chains) {
    for (const list of ['guards', 'authenticate', 'authorize']) {
      if (json.node(['chains', chain, list])?.items?.some((item) => item.value === name) === true) return [];
    }
  }
  return [json.problemAtKey(['plugins', name], `taps ${hook}, but stands in no chain`, 'list it in a chain, or remove its entry')];
}
