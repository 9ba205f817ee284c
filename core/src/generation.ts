import type { PortcullisConfig } from './config/index.js';
import { type Standing, Tenancy } from './gate/index.js';
import type { LoadedPlugin, PluginHost, PluginSpec } from './hooks/index.js';
import type { PolicyEngine } from './policy/index.js';

/** What a generation is made from: a checked configuration and the code of its plugins. */
export interface GenerationInput {
  readonly config: PortcullisConfig;
  /** In the order of the file. */
  readonly plugins: readonly { readonly spec: PluginSpec; readonly loaded: LoadedPlugin }[];
}

/** One configuration with its running plugins. It is in force as a whole or not at all. */
export interface Generation {
  /** Counts the configurations that were tried. */
  readonly number: number;
  readonly config: PortcullisConfig;
  readonly host: PluginHost;
  readonly engine: PolicyEngine;
}

/** The tenants of a generation, and the doors of their clients. */
export function tenancyOf({ config: { listeners, tenants = null } }: Generation): Tenancy {
  return new Tenancy(listeners, tenants);
}

/** What each chain of a generation stands for. */
export function standingsOf({ number, config, host, engine }: Generation): Map<string, Standing> {
  const standings = new Map<string, Standing>();
  for (const chain of config.chains.values()) {
    standings.set(chain.name, { generation: number, chain, hooks: host.chain(chain.name), global: host.global, engine });
  }
  return standings;
}

/** The name of the chain that each listener leads to, by the name of the listener. */
export function chainsOf({ listeners }: PortcullisConfig): Map<string, string> {
  return new Map(listeners.map(({ name, chain }) => [name, chain]));
}
