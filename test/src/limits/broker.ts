import type { PluginDefinition } from '@portcullis/sdk';
import { type Limits, MemoryBroker } from '../fuzz/memory-broker.js';
import { users } from '../fuzz/users-plugin.js';

/** Further plugins, by the list of the chain that they stand in. */
export interface More {
  readonly guards?: Readonly<Record<string, PluginDefinition>>;
  readonly authorities?: Readonly<Record<string, PluginDefinition>>;
  /** In no list: asked all the same. */
  readonly others?: Readonly<Record<string, PluginDefinition>>;
}

/** A broker in memory that lets everybody in and allows nearly everything, with these limits. */
export function startBroker(limits: Partial<Limits> = {}, { guards = {}, authorities = {}, others = {} }: More = {}): Promise<MemoryBroker> {
  return MemoryBroker.start({
    plugins: { users, ...guards, ...authorities, ...others },
    guards: Object.keys(guards),
    authenticate: ['users'],
    authorize: ['users', ...Object.keys(authorities)],
    limits,
  });
}
