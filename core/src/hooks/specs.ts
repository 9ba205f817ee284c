import type { ClientSelector, ClientSummary, PluginMessage, PolicySelector, RetainedInfo, RetainedStore, Rule, SessionStore } from '@portcullis/sdk';
import type { PluginOutcome } from './outcome.js';

/** A chain as the host needs it. */
export interface ChainSpec {
  readonly name: string;
  /** Names of plugin entries, in asking order, as are the next two. */
  readonly guards: readonly string[];
  readonly authenticate: readonly string[];
  readonly authorize: readonly string[];
  readonly combine: 'deny-overrides' | 'first-match';
  readonly deadlineMs: number;
}

/** A plugin's entry as the host needs it. */
export interface PluginSpec {
  /** Name of the entry in `plugins.json`. */
  readonly name: string;
  /** Validated, secrets resolved. */
  readonly config: unknown;
  /** What references in it stand for; hidden in the log and in errors, whoever shows them. */
  readonly secrets?: readonly string[];
  readonly timeoutMs: number;
  readonly maxConcurrent: number;
  readonly maxQueue: number;
  readonly breaker: BreakerSpec;
  readonly onFault: 'refuse' | 'skip';
  readonly startup: 'gate' | 'wait' | 'exit';
  /** Topic filters that the plugin may publish to. */
  readonly publishTo: readonly string[];
  /** Of a plugin in a worker, when not the limit `workerMemoryBytes`. */
  readonly maxMemoryBytes?: number;
}

/** Opens after `faults` within `windowMs`, is tried again after `openMs` (both milliseconds). */
export interface BreakerSpec {
  readonly faults: number;
  readonly windowMs: number;
  readonly openMs: number;
}

/** What a question brings besides its request. */
export interface AskOptions {
  /** By the wheel's clock: when the whole CONNECT, or this question, must be over. */
  readonly deadlineAt: number;
  readonly password?: CredentialSource;
  /** Told what each plugin has answered along the way; for whoever explains how the question ended. */
  readonly heard?: (plugin: string, outcome: PluginOutcome) => void;
}

export interface CredentialSource {
  readonly username: string | null;
  readonly password: Buffer | null;
}

/** A question that is not answered yet. */
export interface Pending {
  /** The client is gone: signals are aborted, `done` is never called. */
  cancel(): void;
}

/**
 * What the broker does for plugins. One instance serves one configuration generation: `removePlugin` of an old generation must not touch what
 * the new one set up under the same name.
 */
export interface HostServices {
  publish(plugin: string, message: PluginMessage): Promise<void>;
  findSessions(selector: ClientSelector): readonly ClientSummary[];
  disconnect(selector: ClientSelector, reasonCode: number): number;
  recheck(selector: ClientSelector): number;
  release(clientId: string, tenant?: string): boolean;
  /** Throws, and changes nothing, when a rule does not compile. */
  setTemplates(plugin: string, change: TemplateChange): void;
  /** Removes a template that nobody is bound to; false when somebody is. */
  forgetTemplate(plugin: string, template: string): boolean;
  /** The plugin has started anew and has not set these yet: they grant nothing and nobody is bound to them any more, but what they deny stays denied. */
  withdrawGrants(plugin: string, templates: readonly string[]): void;
  invalidate(plugin: string, selector: PolicySelector, version?: number): void;
  /** The plugin stopped: what it set up is to be released. */
  removePlugin(plugin: string): void;
  retainedGet(topic: string, tenant?: string): RetainedInfo | undefined;
  retainedMatch(filter: string, options: { readonly tenant?: string; readonly limit: number }): readonly RetainedInfo[];
  provideSessionStore(plugin: string, store: SessionStore): void;
  provideRetainedStore(plugin: string, store: RetainedStore): void;
}

export interface TemplateChange {
  /** True when templates that are not in `set` go. */
  readonly replace: boolean;
  readonly set: ReadonlyMap<string, readonly Rule[]>;
  readonly remove: readonly string[];
}
