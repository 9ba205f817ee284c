import type { PluginDefinition } from '@portcullis/sdk';
import { checkOptions } from '../check-options.js';
import type { FaultTarget } from '../proxied-connection.js';
import type { TestBrokerOptions } from '../test-broker.js';

/** What a client brings. Fields left out are not sent; without a client identifier, each client has its own. */
export interface TestCredentials {
  readonly username?: string;
  readonly password?: string | Uint8Array;
  readonly clientId?: string;
}

/** A right that a client has, or has not. */
export interface ExpectedRight {
  /** Left out: the anonymous identity. */
  readonly username?: string;
  readonly clientId?: string;
  readonly action: 'publish' | 'subscribe' | 'receive';
  /** Topic name for publish and receive. For subscribe a topic filter; the right to it is the right to the whole of it. */
  readonly topic: string;
  readonly allowed: boolean;
}

/** The backend of a plugin, for the cases that break it. */
export interface BackendUnderTest {
  /** Where it really listens. */
  readonly target: FaultTarget;
  /** The plugin's options when its backend is to be found at this address instead. */
  config(address: { readonly host: string; readonly port: number }): Readonly<Record<string, unknown>>;
  /** Milliseconds after which everything must be as before once the backend is well again; 10,000 unless told. */
  readonly healsWithinMs?: number;
}

export interface ConformanceOptions extends Omit<TestBrokerOptions, 'plugin' | 'plugins' | 'clock' | 'logLevel'> {
  /** Whom an authority lets in. Must be given for an authority; empty when there is nobody. */
  readonly validCredentials?: readonly TestCredentials[];
  /** Whom an authority refuses, besides those that the suite makes up. */
  readonly invalidCredentials?: readonly TestCredentials[];
  /** Rights of some clients, for a plugin that gives rights. Must be given for such a plugin. */
  readonly rights?: readonly ExpectedRight[];
  /** Further texts that must never be logged; all passwords of the suite are such. */
  readonly secrets?: readonly string[];
  readonly backend?: BackendUnderTest;
}

/** One thing that must hold. */
export interface ConformanceCase {
  readonly title: string;
  /** Rejects with what does not hold. */
  run(): Promise<void>;
}

/** What the manifest says that a plugin does. */
export interface Abilities {
  readonly authenticates: boolean;
  readonly givesRights: boolean;
}

const OPTIONS = ['validCredentials', 'invalidCredentials', 'rights', 'secrets', 'backend'];

/**
 * The options as the suite uses them: a plugin of which rights are known stands under `authorize`, also when its manifest lists no `taps`. Throws a TypeError
 * for what is no plugin, and for an option that there is not.
 */
export function checkedOptions(plugin: PluginDefinition, options: ConformanceOptions): ConformanceOptions {
  if (typeof plugin !== 'object' || plugin === null) throw new TypeError('the suite needs a plugin: what definePlugin has returned');
  checkOptions(options, OPTIONS);
  const { chain, rights } = options;
  if (rights === undefined || plugin.taps !== undefined || chain?.authorize !== undefined) return options;
  return { ...options, chain: { ...chain, authorize: ['plugin'] } };
}

export function abilitiesOf({ taps, decides = {} }: PluginDefinition, { chain }: ConformanceOptions): Abilities {
  const tapped = (hook: 'authenticate' | 'authorize' | 'loadPolicy'): boolean =>
    taps === undefined ? Object.hasOwn(decides, hook) : taps.includes(hook);
  const listed = (list: string): boolean => Array.isArray(chain?.[list]) && chain[list].includes('plugin');
  return {
    authenticates: tapped('authenticate'),
    givesRights: tapped('authorize') || tapped('loadPolicy') || listed('authorize'),
  };
}

/** The milliseconds that the plugin has for an answer. */
export function timeoutOf({ entries }: ConformanceOptions): number {
  const given = entries?.plugin?.timeoutMs;
  return typeof given === 'number' ? given : 2000;
}
