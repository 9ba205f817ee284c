import type { PluginDefinition } from '@portcullis/sdk';
import { type Limits, MemoryBroker } from '../fuzz/memory-broker.js';
import { users } from '../fuzz/users-plugin.js';

/** A broker in memory that lets everybody in and allows nearly everything, with these limits. */
export function startBroker(limits: Partial<Limits> = {}, more: Readonly<Record<string, PluginDefinition>> = {}): Promise<MemoryBroker> {
  const names = Object.keys(more);
  return MemoryBroker.start({ plugins: { users, ...more }, guards: names, authenticate: ['users'], authorize: ['users'], limits });
}
