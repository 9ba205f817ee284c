import { definePlugin, type PolicyService, type Rule } from '@portcullis/sdk';
import { MemoryBroker } from '../fuzz/memory-broker.js';
import { connect311, subscribe } from '../support/packets.js';
import { fromHex } from '../support/wire-client.js';

/** What it took to judge all sessions again after one change. */
export interface Reevaluation {
  readonly what: 'template' | 'load';
  readonly milliseconds: number;
  /** How long turns of the event loop were meanwhile, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly longest: number;
  /** The same in time of the processor, all threads: what a machine without other work would have shown at most. */
  readonly cpuMilliseconds: number;
  readonly cpuP99: number;
  readonly cpuLongest: number;
  readonly suspended: number;
}

const NO_OPTIONS = { type: 'object', additionalProperties: false, properties: {} } as const;
const FEW: readonly Rule[] = [{ effect: 'allow', actions: ['publish', 'subscribe', 'receive'], pattern: 'own/%c/#', from: 'test' }];
const NONE: readonly Rule[] = [{ effect: 'allow', actions: ['publish'], pattern: 'own/%c/#', from: 'test' }];
/** So many clients come and go in one batch. */
const BATCH = 500;

/** Makes so many sessions with a binding each, and changes their rights: a template of all, then what each is given. */
export async function measureBindings(count: number): Promise<readonly Reevaluation[]> {
  let policy: PolicyService | null = null;
  let version = 1;
  let rules: readonly Rule[] | null = null;
  const source = definePlugin({
    name: 'source',
    sdk: '^1.0.0',
    decides: { authenticate: ['allow'] },
    capabilities: ['policy'],
    config: NO_OPTIONS,
    start({ hooks, policy: service }) {
      policy = service;
      service.setTemplate('all', FEW);
      hooks.authenticate.tap(({ client }, decide) => decide.allow({ identity: { username: client.id } }));
      hooks.loadPolicy.tap((_request, give) => give.policy(rules === null ? { version, templates: ['all'] } : { version, rules }));
    },
  });
  const memory = await MemoryBroker.start({ plugins: { source }, authenticate: ['source'], authorize: ['source'], systemClock: true });
  try {
    await populate(memory, count);
    const service = policy as PolicyService | null;
    if (service === null) throw new Error('the plugin was not started');
    const results: Reevaluation[] = [];
    const change = async (what: Reevaluation['what'], begin: () => void): Promise<void> => {
      results.push(await timed(memory, what, begin));
    };
    await change('template', () => service.setTemplate('all', NONE));
    await change('template', () => service.setTemplate('all', FEW));
    await change('load', () => {
      version += 1;
      rules = NONE;
      service.invalidate('all', version);
    });
    return results;
  } finally {
    await memory.stop();
  }
}

async function populate(memory: MemoryBroker, count: number): Promise<void> {
  for (let first = 0; first < count; first += BATCH) {
    const peers = Array.from({ length: Math.min(BATCH, count - first) }, (_, i) => {
      const clientId = `c${first + i}`;
      const peer = memory.connect();
      peer.send(fromHex(connect311({ clientId, cleanSession: false, username: clientId, password: 'x' })));
      peer.send(fromHex(subscribe({ packetId: 1, filters: [[`own/${clientId}/in`, 1]] })));
      return peer;
    });
    // CONNACK and SUBACK, nine bytes for each.
    for (let turn = 0, owed = peers.length * 9; turn < 10_000 && owed > 0; turn += 1) {
      await memory.turn();
      for (const peer of peers) owed -= peer.take().length;
    }
    for (const peer of peers) peer.disappear();
    await memory.settle();
  }
  const { sessions, subscriptions } = memory.stats;
  if (sessions !== count || subscriptions !== count) throw new Error(`${sessions} sessions and ${subscriptions} subscriptions instead of ${count}`);
}

/** Turns of the event loop from the change until all sessions were judged. */
async function timed(memory: MemoryBroker, what: Reevaluation['what'], begin: () => void): Promise<Reevaluation> {
  const { stats } = memory;
  const turns: number[] = [];
  const cpu: number[] = [];
  const judgedBefore = stats.revocationsDone;
  const started = performance.now();
  const cpuStarted = cpuNow();
  let last = started;
  let lastCpu = cpuStarted;
  begin();
  while (stats.revocationsDone === judgedBefore) {
    await new Promise((resolve) => setImmediate(resolve));
    const now = performance.now();
    const nowCpu = cpuNow();
    turns.push(now - last);
    cpu.push(nowCpu - lastCpu);
    last = now;
    lastCpu = nowCpu;
  }
  for (const list of [turns, cpu]) list.sort((one, other) => one - other);
  const at = (list: readonly number[], part: number): number => list[Math.min(list.length - 1, Math.floor(list.length * part))] ?? 0;
  return {
    what,
    milliseconds: last - started,
    p50: at(turns, 0.5),
    p99: at(turns, 0.99),
    longest: at(turns, 1),
    cpuMilliseconds: lastCpu - cpuStarted,
    cpuP99: at(cpu, 0.99),
    cpuLongest: at(cpu, 1),
    suspended: stats.subscriptionsSuspended,
  };
}

function cpuNow(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
