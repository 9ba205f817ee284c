import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { HealthyClient } from './healthy-client.js';
import { HostileClient } from './hostile-client.js';
import { MemoryBroker } from './memory-broker.js';
import { Random } from './random.js';
import { users } from './users-plugin.js';

export interface PacketCampaignResult {
  readonly passed: number;
  readonly failed: number;
  readonly failures: readonly string[];
  readonly figures: Readonly<Record<string, number>>;
}

const CLIENTS = 6;
const HEALTHY_EVERY = 50;
const TURN_EVERY = 8;
/** Small, so that a campaign fills them and memory has to stay where it is. */
const LIMITS = {
  maxSessions: 60,
  maxSubscriptions: 30,
  maxRetainedMessages: 5,
  maxRetainedBytes: 200_000,
  maxQueuedMessages: 50,
  maxQueuedBytes: 100_000,
  maxTotalQueuedBytes: 400_000,
  maxTopicCacheEntries: 200,
  maxSocketBufferBytes: 65_536,
  maxPacketBytes: 65_536,
  receiveMaximum: 10,
  maxInflight: 8,
};
const HEAP_GROWTH_BYTES = 6_000_000;

/** Sends mutated packets through the real connections of a broker in this process, and looks at what becomes of everybody else. */
export async function runPacketCampaign(count: number, seed: number): Promise<PacketCampaignResult> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const random = new Random(seed);
  const failures: string[] = [];
  const escaped = (error: unknown): void => void failures.push(`an error escaped: ${textOf(error)}`);
  process.on('uncaughtException', escaped);
  process.on('unhandledRejection', escaped);
  const memory = await MemoryBroker.start({ plugins: { users }, authenticate: ['users'], authorize: ['users'], limits: LIMITS });
  const healthy = new HealthyClient(memory);
  await memory.settle();
  const hostile = Array.from({ length: CLIENTS }, () => new HostileClient(memory, random));
  let heapBefore = 0;
  let sent = 0;
  let failed = 0;
  for (; sent < count && failures.length < 10; sent += 1) {
    const client = random.pick(hostile);
    const before = failures.length;
    try {
      client.step();
      if (sent % HEALTHY_EVERY === 0) healthy.publish();
      if (sent % TURN_EVERY === 0) await memory.turn();
      for (const each of hostile) each.read();
      healthy.read();
    } catch (error) {
      failures.push(`packet ${sent}: ${textOf(error)}`);
    }
    if (memory.stats.invariantsBroken > failed) {
      failures.push(`packet ${sent}: an invariant broke\n${memory.log.at(-1)}`);
      failed = memory.stats.invariantsBroken;
    }
    if (failures.length > before) failures.push(`what was sent: ${client.history}`);
    if (sent % 512 === 0) {
      memory.clock.advance(random.oneIn(4) ? 1_200_000 : random.below(2000));
      await memory.settle(1);
    }
    if (sent === Math.floor(count / 4)) {
      collect();
      heapBefore = process.memoryUsage().heapUsed;
    }
  }
  collect();
  const heapGrowth = process.memoryUsage().heapUsed - heapBefore;
  await finish(memory, healthy, hostile, failures);
  if (heapGrowth > HEAP_GROWTH_BYTES) failures.push(`the heap grew by ${heapGrowth} bytes`);
  const figures = figuresOf(memory, healthy, hostile, heapGrowth);
  await memory.stop();
  process.off('uncaughtException', escaped);
  process.off('unhandledRejection', escaped);
  const wrong = Math.min(sent, failures.length);
  return { passed: sent - wrong, failed: wrong, failures, figures };
}

/** Everybody leaves; nothing of them may be left behind. */
async function finish(memory: MemoryBroker, healthy: HealthyClient, hostile: readonly HostileClient[], failures: string[]): Promise<void> {
  try {
    await memory.settle();
    healthy.read();
    await memory.settle();
    healthy.read();
    healthy.judge();
    for (const client of hostile) client.close();
    healthy.close();
    // Past the longest session expiry that there is.
    memory.clock.advance(3_700_000);
    await memory.settle();
  } catch (error) {
    failures.push(`at the end: ${textOf(error)}`);
  }
  const { sessions, subscriptions, clientsConnected, connectionsOpen, messagesQueued, queuedBytes } = memory.stats;
  const left = {
    sessions,
    subscriptions,
    clientsConnected,
    connectionsOpen,
    messagesQueued,
    queuedBytes,
    sockets: memory.peers.size,
    registered: memory.broker.sessionCount,
  };
  for (const [name, value] of Object.entries(left)) if (value !== 0) failures.push(`${value} ${name} are left when everybody is gone`);
  for (const line of memory.log) if (line.includes('PCL_INVARIANT')) failures.push(line);
}

function figuresOf(memory: MemoryBroker, healthy: HealthyClient, hostile: readonly HostileClient[], heapGrowth: number): Record<string, number> {
  const { connectsAccepted, connectsRefused, protocolErrors, messagesReceived, messagesSent, takeovers, willsPublished, retainRefused } =
    memory.stats;
  const { droppedQueueFull, droppedSlowConsumer, publishesDenied } = memory.stats;
  const figures: Record<string, number> = { connectsAccepted, connectsRefused, protocolErrors, messagesReceived, messagesSent, takeovers };
  Object.assign(figures, {
    willsPublished,
    retainRefused,
    droppedQueueFull,
    droppedSlowConsumer,
    publishesDenied,
    healthy: healthy.came,
    heapGrowth,
  });
  for (const { came } of hostile) for (const [kind, times] of came) figures[kind] = (figures[kind] ?? 0) + times;
  return figures;
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? String(error.stack) : `${error.message}: ${textOf(error.cause)}`;
}
