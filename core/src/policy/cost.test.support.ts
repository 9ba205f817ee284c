import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Rule } from '@portcullis/sdk';
import { type Binding, PolicyEngine } from './index.js';

export const TEMPLATES = 500;

/** Ten rules, as a group in a company has them. */
function groupRules(group: number): Rule[] {
  const from = `groups#${group}`;
  return [
    { effect: 'allow', actions: ['publish'], pattern: `site/${group}/%c/telemetry/#`, from },
    { effect: 'allow', actions: ['publish'], pattern: `site/${group}/%c/state`, maxQos: 1, from },
    { effect: 'allow', actions: ['subscribe', 'receive'], pattern: `site/${group}/%c/commands/#`, from },
    { effect: 'allow', actions: ['subscribe', 'receive'], pattern: `site/${group}/all/+`, from },
    { effect: 'allow', actions: ['publish', 'subscribe', 'receive'], pattern: `home/%u/#`, from },
    { effect: 'allow', actions: ['subscribe', 'receive'], pattern: `news/${group}`, from },
    { effect: 'allow', actions: ['publish'], pattern: `log/%{tenant}/${group}/+`, from },
    { effect: 'deny', actions: ['publish'], pattern: `site/${group}/+/telemetry/secret`, from },
    { effect: 'deny', actions: ['receive'], pattern: `site/${group}/all/secret`, from },
    { effect: 'deny', actions: ['publish'], pattern: '$SYS/#', from },
  ];
}

export function engineWithGroups(): PolicyEngine {
  const engine = new PolicyEngine();
  for (let group = 0; group < TEMPLATES; group++) engine.setTemplate('db', `group:${group}`, groupRules(group));
  return engine;
}

export interface Client {
  readonly username: string;
  readonly clientId: string;
}

/** The names of clients, which their sessions hold anyway: a binding refers to them. */
export function someClients(count: number): Client[] {
  return Array.from({ length: count }, (_, number) => ({ username: `user-${number}`, clientId: `client-${number}` }));
}

/** Binds a client to three of the groups. */
export function bindClient(engine: PolicyEngine, number: number, { username, clientId }: Client): Binding {
  const templates = [number % TEMPLATES, (number * 7 + 1) % TEMPLATES, (number * 13 + 2) % TEMPLATES].map((group) => `group:${group}`);
  const variables = { username, clientId, tenant: 'acme', commonName: null, attributes: null };
  return engine.bind({ combine: 'deny-overrides', variables, sources: [{ plugin: 'db', templates, rules: null }] });
}

/** Bytes of the heap in use after everything that is not reachable was thrown away. */
export function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}
