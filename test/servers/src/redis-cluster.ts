import { poll } from './poll.js';
import type { RedisServer } from './redis.js';

const NODES = 3;
const SLOTS = 16_384;
const JOIN_MS = 30_000;

async function join(nodes: readonly RedisServer[]): Promise<void> {
  const [first, ...others] = nodes;
  const share = Math.ceil(SLOTS / nodes.length);
  for (const [index, node] of nodes.entries()) {
    const slots = Array.from({ length: Math.min(share, SLOTS - index * share) }, (_, offset) => String(index * share + offset));
    await node.command('CLUSTER', 'ADDSLOTS', ...slots);
    // Without numbers of their own two masters would quarrel about who is newer.
    await node.command('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
  }
  for (const node of others) await first?.command('CLUSTER', 'MEET', node.host, String(node.port));
  await poll('the cluster to form', JOIN_MS, async () => {
    const infos = await Promise.all(nodes.map(async (node) => String(await node.command('CLUSTER', 'INFO'))));
    return infos.every((info) => info.includes('cluster_state:ok') && info.includes(`cluster_size:${nodes.length}`));
  });
}

/** Starts three masters that share the slots evenly, and gives them as one. */
export async function cluster(startNode: () => Promise<RedisServer>): Promise<RedisServer> {
  const nodes: RedisServer[] = [];
  const all = async (act: (node: RedisServer) => Promise<void>): Promise<void> => {
    await Promise.all(nodes.map(act));
  };
  const dispose = (): Promise<void> => all((node) => node.dispose());
  try {
    for (let count = 0; count < NODES; count++) nodes.push(await startNode());
    await join(nodes);
  } catch (error) {
    await dispose();
    throw error;
  }
  const [first] = nodes;
  if (first === undefined) throw new Error('a cluster needs nodes');
  const { host, port, folder, password, tls } = first;
  return {
    ...{ host, port, folder, password, tls, nodes, dispose },
    get pid() {
      return first.pid;
    },
    url: () => first.url(),
    command: (...args) => first.command(...args),
    stop: () => all((node) => node.stop()),
    kill: () => all((node) => node.kill()),
    start: () => all((node) => node.start()),
    freeze: () => {
      for (const node of nodes) node.freeze();
    },
    thaw: () => {
      for (const node of nodes) node.thaw();
    },
  };
}
