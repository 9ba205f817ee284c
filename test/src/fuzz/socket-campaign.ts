import mqtt from 'mqtt';
import { BrokerProcess, standardFiles } from '../support/broker-process.js';
import { someConnect, somePacket, VERSIONS } from './corpus.js';
import { mutate } from './mutate.js';
import { openFiles, residentBytes, until } from './process-figures.js';
import { Random } from './random.js';
import { SocketClient } from './socket-client.js';

export interface SocketCampaignResult {
  readonly passed: number;
  readonly failed: number;
  readonly failures: readonly string[];
  readonly figures: Readonly<Record<string, number>>;
}

const CONNECTIONS = 8;
const PACKETS_EACH = 10;
const HEALTHY_EVERY = 50;
const RSS_GROWTH_BYTES = 64 * 1024 * 1024;

const ACL = `${['a/#', 'b', '$x/#', 'é/#'].map((filter) => `pattern readwrite ${filter}\n`).join('')}user healthy\ntopic readwrite healthy/#\n`;

function startBroker(): Promise<BrokerProcess> {
  const files = standardFiles({ amy: 'p', bob: 'p', 'slow-cid': 'p', healthy: 'sound' }, ACL, {
    log: { level: 'warn' },
    limits: { maxSessions: 200, maxQueuedMessages: 100, maxRetainedMessages: 20, maxTopicCacheEntries: 500, connectTimeoutMs: 5000 },
  });
  const document = files['plugins.json'] as { plugins: Record<string, unknown>; chains: Record<string, unknown> };
  document.plugins.nobody = { use: '@portcullis/plugin-anonymous' };
  document.chains.default = { authenticate: ['passwords', 'nobody'], authorize: ['rules'] };
  return BrokerProcess.start({ files });
}

/** Sends mutated packets over TCP to the real process, and looks at the process and at a client that does nothing wrong. */
export async function runSocketCampaign(count: number, seed: number): Promise<SocketCampaignResult> {
  const random = new Random(seed);
  const failures: string[] = [];
  const broker = await startBroker();
  const port = broker.port('local');
  const filesAtStart = openFiles(broker.pid);
  const healthy = await HealthySubscriber.connect(broker.url('local'), failures);
  let sent = 0;
  let connections = 0;
  let memory: number | null = null;
  let bytes = 0;
  const work = async (): Promise<void> => {
    while (sent < count && failures.length < 10) {
      connections += 1;
      const packets = Math.min(PACKETS_EACH, count - sent);
      sent += packets;
      if (Math.floor(sent / HEALTHY_EVERY) > healthy.sent) healthy.publish();
      if (sent > count / 4) memory ??= residentBytes(broker.pid);
      try {
        const answered = await assault(random, port, packets);
        bytes += answered;
      } catch (error) {
        failures.push(`connection ${connections}: ${error instanceof Error ? error.message : error}`);
      }
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, work));
  const memoryGrowth = (residentBytes(broker.pid) ?? 0) - (memory ?? 0);
  if (memory !== null && memoryGrowth > RSS_GROWTH_BYTES) failures.push(`the process grew by ${memoryGrowth} bytes`);
  await healthy.finish();
  await closeDown(broker, filesAtStart, failures);
  const figures = { connections, bytesAnswered: bytes, healthy: healthy.came, memoryGrowth };
  return { passed: sent - Math.min(sent, failures.length), failed: failures.length, failures, figures };
}

/** One connection: a CONNECT, whole or broken, then packets of which most are broken, then its end. Gives the bytes that came back. */
async function assault(random: Random, port: number, packets: number): Promise<number> {
  const version = random.pick(VERSIONS);
  const connect = someConnect(random, version);
  const mutated = Array.from({ length: packets }, () => mutate(random, somePacket(random, version), version));
  const dice = random.below(8);
  if (dice === 0) mutated[0] = mutate(random, connect, version);
  // Proper packets in between, or none of the broken ones would be read: the first of them ends most connections.
  const parts = dice < 2 ? mutated : [connect, ...mutated.flatMap((bytes) => [somePacket(random, version), bytes])];
  const all = Buffer.concat(parts);
  const client = await SocketClient.open(port);
  // Anything that comes before the answer waits behind the CONNECT, which some do not wait for.
  const first = random.oneIn(2) ? connect.length : random.below(all.length);
  await client.send(all.subarray(0, first));
  if (first === connect.length && dice > 1) await client.answered();
  await client.send(all.subarray(first));
  if (random.oneIn(4)) await client.reset();
  else await client.end();
  return client.bytes;
}

/** Everybody is gone: so are their sockets, and the process ends as it should. */
async function closeDown(broker: BrokerProcess, filesAtStart: number | null, failures: string[]): Promise<void> {
  try {
    if (filesAtStart !== null) {
      await until(
        () => (openFiles(broker.pid) ?? 0) <= filesAtStart,
        () => ({ atStart: filesAtStart, now: openFiles(broker.pid) }),
      );
    }
    const code = await broker.stop();
    if (code !== 0) failures.push(`the broker ended with ${code}`);
  } catch (error) {
    failures.push(error instanceof Error ? error.message : String(error));
    await broker.kill();
  }
  if (/PCL_INVARIANT|PCL_STORE|PCL_PLUGIN/.test(broker.output)) failures.push(broker.output.slice(0, 5000));
}

/** MQTT.js, which must not notice anything. */
class HealthySubscriber {
  sent = 0;
  came = 0;
  readonly #client: mqtt.MqttClient;
  readonly #failures: string[];

  private constructor(client: mqtt.MqttClient, failures: string[]) {
    this.#client = client;
    this.#failures = failures;
    client.on('close', () => failures.push('the healthy client lost its connection'));
    client.on('error', (error) => failures.push(`the healthy client failed: ${error.message}`));
    client.on('message', (_topic, payload) => {
      this.came += 1;
      if (String(payload) !== String(this.came)) failures.push(`the healthy client got ${payload} instead of ${this.came}`);
    });
  }

  static async connect(url: string, failures: string[]): Promise<HealthySubscriber> {
    const options = { clientId: 'healthy', username: 'healthy', password: 'sound', protocolVersion: 5, reconnectPeriod: 0 } as const;
    const client = await mqtt.connectAsync(url, options, false);
    await client.subscribeAsync('healthy/#', { qos: 2 });
    return new HealthySubscriber(client, failures);
  }

  publish(): void {
    this.sent += 1;
    // One topic and one QoS each time: order holds between messages of a kind.
    this.#client.publish('healthy/x', String(this.sent), { qos: 1 });
  }

  async finish(): Promise<void> {
    try {
      await until(
        () => this.came === this.sent,
        () => ({ sent: this.sent, came: this.came }),
      );
    } catch (error) {
      this.#failures.push(`the healthy client: ${error instanceof Error ? error.message : error}`);
    }
    this.#client.removeAllListeners('close');
    await this.#client.endAsync();
  }
}
