import type { PublishProperties } from './requests.js';

/**
 * Fields of a log line; secrets do not belong here. What the configuration has by `$env` and `$file` is hidden nevertheless, and of bytes the length
 * alone is shown.
 */
export type LogFields = Readonly<Record<string, unknown>>;

/** The broker's log; each line carries the plugin's name. */
export interface PluginLog {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

/** Read-only counters of the broker, by name. */
export interface PluginStats {
  /** Value of a counter or gauge of the broker, or undefined for an unknown name. */
  get(name: string): number | undefined;
  /** Names of all counters and gauges. */
  names(): readonly string[];
}

/** Counters and gauges of the plugin itself; they appear among the broker's as `plugin.<entry>.<name>`. */
export interface PluginMetrics {
  /** Adds to a counter; made on first use. */
  count(name: string, by?: number): void;
  /** Sets a gauge; made on first use. */
  gauge(name: string, value: number): void;
}

/** Timers that end with the plugin. A callback that throws is caught, logged and attributed to the plugin. */
export interface PluginTimers {
  /** Runs once after so many milliseconds; returns a function that cancels. */
  after(milliseconds: number, callback: () => void): () => void;
  /** Runs every so many milliseconds; returns a function that cancels. */
  every(milliseconds: number, callback: () => void): () => void;
}

/** A message that a plugin publishes. */
export interface PluginMessage {
  readonly topic: string;
  readonly payload: Uint8Array | string;
  readonly qos?: 0 | 1 | 2;
  readonly retain?: boolean;
  readonly tenant?: string;
  readonly properties?: PublishProperties;
}

/** Capability `publish`. */
export interface PublishService {
  /**
   * Publishes as principal `plugin/<entry>`, within the topic filters of `publishTo` in the plugin's entry. Resolves when the message is in
   * the custody of its receivers' sessions; rejects when the topic is not granted or not valid, or the plugin was stopped.
   */
  publish(message: PluginMessage): Promise<void>;
}

/** Whom a command is for. Fields left out match everybody; at least one must be given. */
export interface ClientSelector {
  readonly clientId?: string;
  readonly username?: string;
  readonly tenant?: string;
}

/** A connected client as the sessions service shows it. */
export interface ClientSummary {
  readonly clientId: string;
  readonly tenant: string | null;
  readonly username: string | null;
  readonly address: string;
  readonly connected: boolean;
}

/** Capability `sessions`. */
export interface SessionsService {
  find(selector: ClientSelector): readonly ClientSummary[];
  /** Ends the connections of these clients (5.0: DISCONNECT with the code, 0x98 unless told; 3.x: close). Returns how many. */
  disconnect(selector: ClientSelector, reasonCode?: number): number;
  /** Asks `loadPolicy` again for these clients and re-checks their subscriptions. Returns how many. */
  recheck(selector: ClientSelector): number;
  /** Forgets a session that nobody is connected to, and frees its client identifier. False when there is none or it is in use. */
  release(clientId: string, tenant?: string): boolean;
}

/** Whose rights an invalidation concerns: everyone that this plugin gave rights to, or those selected. */
export type PolicySelector = 'all' | ClientSelector;

/** Capability `policy`. */
export interface PolicyService {
  /**
   * Defines or replaces a template: rules that many clients share, compiled once. Clients bound to it have the new rules at once; their
   * subscriptions are re-checked. Throws, and changes nothing, when a rule does not compile.
   */
  setTemplate(name: string, rules: readonly import('./rules.js').Rule[]): void;
  /** Removes a template; clients bound to it lose its rules at once. */
  removeTemplate(name: string): void;
  /** Replaces all templates of this plugin in one step. Throws, and changes nothing, when a rule does not compile. */
  replaceTemplates(templates: ReadonlyMap<string, readonly import('./rules.js').Rule[]>): void;
  /** Says that the source has changed: `loadPolicy` is asked again for these clients, and an answer older than `version` is thrown away. */
  invalidate(selector: PolicySelector, version?: number): void;
}

/** A retained message. */
export interface RetainedInfo {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
}

/** Capability `retained`. */
export interface RetainedService {
  get(topic: string, tenant?: string): RetainedInfo | undefined;
  /** Retained messages that match a topic filter, at most `limit` (default 1,000). */
  match(filter: string, options?: { readonly tenant?: string; readonly limit?: number }): readonly RetainedInfo[];
}

/** Capability `stores`. */
export interface StoresService {
  /** Makes this plugin's store the broker's. Possible once, from `start`, and for one plugin; a reload keeps the store that is there. */
  provideSessionStore(store: import('./stores.js').SessionStore): void;
  provideRetainedStore(store: import('./stores.js').RetainedStore): void;
}
