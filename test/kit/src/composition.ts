import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { HookName, PluginDefinition } from '@portcullis/sdk';
import { type GenerationInput, loadForTest } from 'portcullis/testing';
import { everybody, everything } from './standard-plugins.js';

/** A plugin: its definition, or the folder (absolute) or name of its package. */
export type PluginUnderTest = PluginDefinition | string;

/** What a broker around plugins is made from. */
export interface CompositionOptions {
  /** The plugin under test. Its entry is called `plugin`. */
  readonly plugin?: PluginUnderTest;
  /** Several plugins, by the names of their entries, in the order in which they are asked. */
  readonly plugins?: Readonly<Record<string, PluginUnderTest>>;
  /** Options of `plugin`, as they would stand in `plugins.json`: secrets are `{ "$env": "NAME" }` or `{ "$file": "path" }`. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** More of the entries in `plugins.json`, by entry name: `config`, `timeoutMs`, `onFault`, `publishTo`, … */
  readonly entries?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /**
   * The chain `default`. Lists that are left out hold the plugins that belong there by `taps` of their manifests, and without `taps` by
   * `decides`: name those lists yourself for a plugin that gives rights or guards and lists no `taps`. Where nobody authenticates, everybody is
   * let in; where nobody gives rights, everybody has all. A list that is given, even an empty one, is taken as it is.
   */
  readonly chain?: Readonly<Record<string, unknown>>;
  /** More of `plugins.json` at its top: `sessions`, `limits`, further `listeners` and `chains`. */
  readonly document?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** The environment for `$env`; nothing of the process's own is seen. */
  readonly env?: Readonly<Record<string, string>>;
  /** Files by name, written into the folder that the plugin sees as `baseFolder`, open to their owner only. */
  readonly files?: Readonly<Record<string, string>>;
}

const GUARD_HOOKS: readonly HookName[] = ['admitClient', 'admitIdentity', 'guardPublish', 'guardRetain', 'guardDelivery', 'guardSubscribe'];
const IDENTITY_HOOKS: readonly HookName[] = ['authenticate', 'authenticateEnhanced'];
const RIGHTS_HOOKS: readonly HookName[] = ['loadPolicy', 'authorize'];

/** A folder of its own with a `plugins.json`, and how to read it again after a change. */
export class Composition {
  readonly folder: string;
  readonly #options: CompositionOptions;
  readonly #observer: PluginDefinition;

  private constructor(folder: string, options: CompositionOptions, observer: PluginDefinition) {
    this.folder = folder;
    this.#options = options;
    this.#observer = observer;
  }

  static async create(options: CompositionOptions, observer: PluginDefinition): Promise<Composition> {
    const composition = new Composition(await mkdtemp(join(tmpdir(), 'portcullis-kit-')), options, observer);
    for (const [name, text] of Object.entries(options.files ?? {})) await composition.write(name, text);
    return composition;
  }

  async write(name: string, text: string): Promise<void> {
    const path = resolve(this.folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text, { mode: 0o600 });
  }

  /** The configuration and the code of its plugins. Throws with a line for each mistake. */
  async load(config?: Readonly<Record<string, unknown>>): Promise<GenerationInput> {
    const options = config === undefined ? this.#options : { ...this.#options, config };
    const plugins: Record<string, PluginUnderTest> = { ...(options.plugin !== undefined && { plugin: options.plugin }), ...options.plugins };
    if (Object.keys(plugins).length === 0) throw new Error('startTestBroker needs a plugin: give "plugin" or "plugins"');
    const chain = chainOf(plugins, options.chain);
    const added: Record<string, PluginDefinition> = { 'kit-observer': this.#observer };
    for (const standIn of [everybody, everything]) if (Object.values(chain).flat().includes(standIn.name)) added[standIn.name] = standIn;
    const definitions = new Map<string, PluginDefinition>();
    const entries: Record<string, unknown> = {};
    for (const [name, plugin] of Object.entries({ ...plugins, ...added })) {
      const use = typeof plugin === 'string' ? plugin : `./${name}`;
      if (typeof plugin !== 'string') definitions.set(use, plugin);
      const own = name === 'plugin' && options.config !== undefined ? { config: options.config } : {};
      entries[name] = { use, isolation: 'inProcess', ...own, ...options.entries?.[name] };
    }
    entries['kit-observer'] = { use: './kit-observer', isolation: 'inProcess', publishTo: ['#', '$SYS/#'] };
    const { listeners, chains, ...top } = options.document ?? {};
    const document = {
      version: 1,
      listeners: { local: { url: 'mqtt://127.0.0.1:0', chain: 'default' }, ...listeners },
      plugins: entries,
      chains: { default: chain, ...chains },
      ...top,
    };
    const file = join(this.folder, 'plugins.json');
    await writeFile(file, JSON.stringify(document, null, 2));
    return loadForTest(file, options.env ?? {}, definitions);
  }
}

function chainOf(plugins: Readonly<Record<string, PluginUnderTest>>, given: CompositionOptions['chain']): Record<string, unknown> {
  const members = (hooks: readonly HookName[]): string[] => Object.keys(plugins).filter((name) => belongs(plugins[name] as PluginUnderTest, hooks));
  const guards = members(GUARD_HOOKS);
  const authenticate = members(IDENTITY_HOOKS);
  const authorize = members(RIGHTS_HOOKS);
  return {
    guards,
    authenticate: authenticate.length > 0 ? authenticate : [everybody.name],
    authorize: authorize.length > 0 ? authorize : [everything.name],
    ...given,
  };
}

/** Whether the manifest says that the plugin is asked at one of these hooks. That of a package on disk is not known yet. */
function belongs(plugin: PluginUnderTest, hooks: readonly HookName[]): boolean {
  if (typeof plugin === 'string') return false;
  const { taps, decides = {} } = plugin;
  return hooks.some((hook) => (taps === undefined ? Object.hasOwn(decides, hook) : taps.includes(hook)));
}
