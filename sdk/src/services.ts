import type { PublishProperties } from './requests.js';

/**
 * Fields of a log line; secrets do not belong here. What the configuration has by `$env` and `$file` is hidden nevertheless, and of bytes the length
 * alone is shown.
 */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * The broker's log. Each line carries the name of the plugin's entry; lines below `log.level` of `plugins.json` are not written.
 *
 * Values are cut at 500 characters, control characters are escaped. Never throws, whatever it is given.
 */
export interface PluginLog {
  /** For those who look for a mistake in the plugin. */
  debug(fields: LogFields, message: string): void;
  /** What an administrator may like to know. */
  info(fields: LogFields, message: string): void;
  /** What an administrator should look at. */
  warn(fields: LogFields, message: string): void;
  /** What does not work. */
  error(fields: LogFields, message: string): void;
}

/** Read-only counters of the broker, by name. */
export interface PluginStats {
  /** Value of a counter or gauge of the broker, or undefined for an unknown name. */
  get(name: string): number | undefined;
  /** Names of all counters and gauges. */
  names(): readonly string[];
}

/**
 * Counters and gauges of the plugin itself; they appear among the broker's as `plugin.<entry>.<name>`.
 *
 * A name is a letter, then letters, digits, `.`, `_` or `-`, 64 characters at most; at most `limits.pluginMetrics` names. Throws for another name, a
 * value that is no finite number, and a name too many.
 */
export interface PluginMetrics {
  /** Adds to a counter; made on first use. */
  count(name: string, by?: number): void;
  /** Sets a gauge; made on first use. */
  gauge(name: string, value: number): void;
}

/**
 * Timers that end with the plugin. A callback that throws is caught, logged and attributed to the plugin.
 *
 * At most `limits.pluginTimers` at a time. Throws for one too many, a time that is no finite number of 0 or more, and when the plugin has stopped.
 */
export interface PluginTimers {
  /** Runs once after so many milliseconds; returns a function that cancels. */
  after(milliseconds: number, callback: () => void): () => void;
  /** Runs every so many milliseconds; returns a function that cancels. */
  every(milliseconds: number, callback: () => void): () => void;
}

/** A message that a plugin publishes. */
export interface PluginMessage {
  /** A topic name that `publishTo` of the entry covers. */
  readonly topic: string;
  /** Bytes, or text that becomes UTF-8. */
  readonly payload: Uint8Array | string;
  /** QoS, 0 unless told. */
  readonly qos?: 0 | 1 | 2;
  /** Whether it is retained, false unless told. */
  readonly retain?: boolean;
  /** Tenant whose clients get it; those without a tenant unless told. */
  readonly tenant?: string;
  /** None unless told. */
  readonly properties?: PublishProperties;
}

/** Publishes in the plugin's own name. Capability `publish`. */
export interface PublishService {
  /**
   * Publishes as principal `plugin/<entry>`, within the topic filters of `publishTo` in the plugin's entry. Resolves when the message is in
   * the custody of its receivers' sessions; rejects when the topic is not granted or
   * not valid, the properties are none of MQTT, a store cannot take it, the broker is not running yet, or the plugin was stopped.
   */
  publish(message: PluginMessage): Promise<void>;
}

/** Whom a command is for. Fields left out match everybody; at least one must be given. */
export interface ClientSelector {
  /** Client identifier, as it is. */
  readonly clientId?: string;
  /** Username of the identity; anonymous clients have none. */
  readonly username?: string;
  /** Name of the tenant; null for those without one. */
  readonly tenant?: string | null;
  /** Only those whose client is connected now. */
  readonly connected?: true;
}

/** A session as the sessions service shows it. */
export interface ClientSummary {
  /** Client identifier. */
  readonly clientId: string;
  /** Null for none. */
  readonly tenant: string | null;
  /** Null for an anonymous client. */
  readonly username: string | null;
  /** Remote address of its connection, or of the last one. */
  readonly address: string;
  /** Whether its client is connected now. */
  readonly connected: boolean;
}

/** Finds sessions and ends connections. Capability `sessions`. Throws for a selector without any field. */
export interface SessionsService {
  /** The sessions that are meant, connected or not; none before the broker runs. */
  find(selector: ClientSelector): readonly ClientSummary[];
  /**
   * Ends the connections of these clients (5.0: DISCONNECT with the code, 0x98 unless told; 3.x: close), and refuses those that are in the middle of
   * their CONNECT. Returns how many. A code that a DISCONNECT may not carry is sent as 0x87; throws for one that is not 0x80 to 0xFF.
   */
  disconnect(selector: ClientSelector, reasonCode?: number): number;
  /** Asks `loadPolicy` again for these clients and re-checks their subscriptions. Returns how many. */
  recheck(selector: ClientSelector): number;
  /** Forgets a session that nobody is connected to, and frees its client identifier. False when there is none or it is in use. */
  release(clientId: string, tenant?: string): boolean;
}

/** Whose rights an invalidation concerns: everyone that this plugin gave rights to, or those selected. */
export type PolicySelector = 'all' | ClientSelector;

/** Changes rights that are in force. Capability `policy`. */
export interface PolicyService {
  /**
   * Defines or replaces a template: rules that many clients share, compiled once. Clients bound to it have the new rules at once; their
   * subscriptions are re-checked. Throws, and changes nothing, when a rule does not compile.
   */
  setTemplate(name: string, rules: readonly import('./rules.js').Rule[]): void;
  /** Removes a template; clients bound to it lose its rules at once. */
  removeTemplate(name: string): void;
  /**
   * Removes a template that no session and no retained message's publisher is bound to. False, and nothing changes, when there is one that is; true also
   * when there was no such template. An answer of `loadPolicy` that names it and is on its way still becomes a fault.
   */
  forgetTemplate(name: string): boolean;
  /** Replaces all templates of this plugin in one step. Throws, and changes nothing, when a rule does not compile. */
  replaceTemplates(templates: ReadonlyMap<string, readonly import('./rules.js').Rule[]>): void;
  /** Says that the source has changed: `loadPolicy` is asked again for these clients, and an answer older than `version` is thrown away. */
  invalidate(selector: PolicySelector, version?: number): void;
}

/** A retained message. */
export interface RetainedInfo {
  /** Topic name. */
  readonly topic: string;
  /** A copy. */
  readonly payload: Uint8Array;
  /** QoS that it was published with. */
  readonly qos: 0 | 1 | 2;
}

/** Reads retained messages. Capability `retained`. Throws before the broker runs. */
export interface RetainedService {
  /** That of one topic name, or undefined. */
  get(topic: string, tenant?: string): RetainedInfo | undefined;
  /** Retained messages that match a topic filter, at most `limit` (default 1,000). Throws for what is no topic filter. */
  match(filter: string, options?: { readonly tenant?: string; readonly limit?: number }): readonly RetainedInfo[];
}

/** Makes the plugin the place where sessions or retained messages live. Capability `stores`. Throws outside of `start`. */
export interface StoresService {
  /** Makes this plugin's store the broker's. Possible once, from `start`, and for one plugin; a reload keeps the store that is there. */
  provideSessionStore(store: import('./stores.js').SessionStore): void;
  /** The same for retained messages. */
  provideRetainedStore(store: import('./stores.js').RetainedStore): void;
}
