import type { AuthorityAnswer, AuthorityHookName, BrokerHooks, HookName } from './hooks.js';
import type { ConfigSchema, Infer } from './infer.js';
import type {
  PluginLog,
  PluginMetrics,
  PluginStats,
  PluginTimers,
  PolicyService,
  PublishService,
  RetainedService,
  SessionsService,
  StoresService,
} from './services.js';

/** Services that a plugin must ask for in its manifest; without the capability the service throws. */
export type Capability = 'publish' | 'sessions' | 'policy' | 'retained' | 'credentials' | 'stores';

/** Every capability, for checks. */
export const CAPABILITIES: readonly Capability[] = ['publish', 'sessions', 'policy', 'retained', 'credentials', 'stores'];

/** What `start` gets. Everything opened through it is released when the plugin stops. */
export interface PluginContext {
  /** Name of the plugin's entry in `plugins.json`; log lines and decisions carry it. */
  readonly name: string;
  /** Folder of the configuration file, for paths that are relative to it. */
  readonly baseFolder: string;
  /** Milliseconds that an answer may take, `timeoutMs` of the entry: whoever asks a backend must have given up before. */
  readonly timeoutMs: number;
  /** The hooks, to be tapped until `start` has settled. */
  readonly hooks: BrokerHooks;
  readonly log: PluginLog;
  readonly stats: PluginStats;
  readonly metrics: PluginMetrics;
  readonly timers: PluginTimers;
  /** Aborted when the plugin must stop. */
  readonly signal: AbortSignal;
  /** Registers a callback for when the plugin stops; they run in reverse order, all together within 5,000 milliseconds. */
  onDispose(callback: () => void | Promise<void>): void;
  /**
   * Registers a callback for `portcullis reload` and SIGHUP while the configuration stays as it is: read again what is kept outside of it. A rejection is
   * told to whoever reloads, and the plugin goes on as before. Clients that are connected are not asked again by it: see `policy` and `sessions`.
   */
  onReload(callback: () => void | Promise<void>): void;
  /** Capability `publish`: publishes in the plugin's own name. */
  readonly publish: PublishService;
  /** Capability `sessions`: finds sessions and ends connections. */
  readonly sessions: SessionsService;
  /** Capability `policy`: changes rights that are in force. */
  readonly policy: PolicyService;
  /** Capability `retained`: reads retained messages. */
  readonly retained: RetainedService;
  /** Capability `stores`: is where sessions and retained messages live. */
  readonly stores: StoresService;
}

/** A plugin: its manifest, and what starts it. */
export interface PluginDefinition<Schema extends ConfigSchema = ConfigSchema> {
  /** A letter, then letters, digits or `-`. */
  readonly name: string;
  /** Range of SDK versions that the plugin was built for, as npm writes ranges. A broker with another SDK refuses the plugin. */
  readonly sdk: string;
  /** For each authority hook that the plugin taps: what it may say. An answer that is not listed is a fault. */
  readonly decides?: Partial<Readonly<Record<AuthorityHookName, readonly AuthorityAnswer[]>>>;
  /** The services that it uses. */
  readonly capabilities?: readonly Capability[];
  /**
   * The hooks that the plugin taps; tapping another one is an error. While a plugin cannot start (`"startup": "gate"`), it counts as faulting
   * at every hook that it might tap; with this list only at those, so that chains without it go on.
   */
  readonly taps?: readonly HookName[];
  /** JSON Schema draft-07 of `config`; every object in it closed. */
  readonly config: Schema;
  /**
   * Taps hooks and opens what the plugin needs. The plugin is ready when it returns or resolves. `BackendUnavailable` leads to the plugin's
   * `startup` mode; any other error means that the broker does not start.
   */
  start(context: PluginContext, config: Infer<Schema>): void | Promise<void>;
}

/**
 * Makes a plugin definition; the default export of a plugin's package. Gives `config` of `start` the type that the schema describes.
 *
 * Throws a TypeError when the definition is not one; nothing else happens before the broker calls `start`.
 */
export function definePlugin<const Schema extends ConfigSchema>(definition: PluginDefinition<Schema>): PluginDefinition<Schema> {
  if (typeof definition !== 'object' || definition === null) throw new TypeError('definePlugin takes an object');
  if (typeof definition.name !== 'string' || !/^[A-Za-z][A-Za-z0-9-]*$/.test(definition.name)) {
    throw new TypeError('a plugin needs a name: a letter, then letters, digits or "-"');
  }
  if (typeof definition.sdk !== 'string') throw new TypeError(`plugin ${definition.name}: "sdk" must be a range of SDK versions such as "^1.0.0"`);
  if (typeof definition.start !== 'function') throw new TypeError(`plugin ${definition.name}: "start" must be a function`);
  if (typeof definition.config !== 'object' || definition.config === null) {
    throw new TypeError(`plugin ${definition.name}: "config" must be a JSON Schema`);
  }
  return Object.freeze({ ...definition });
}
