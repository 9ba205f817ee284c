import { PINGREQ, PINGRESP, publish, subscribe } from '../support/packets.js';
import type { WireClient } from '../support/wire-client.js';
import { cellIn, TRANSPORTS, type Transport, VERSIONS, type Version } from './cells.js';
import { dial } from './dial.js';
import { connectOf } from './drive.js';
import type { FaultyBroker } from './faulty-broker.js';

const PAUSE_MS = 5;
const END = 'end/of/all';

/** Clients of a healthy chain with traffic of their own on every transport: nothing of what happens beside them may reach them. */
export class Bystanders {
  /** Rounds of publishing and receiving, by transport. */
  readonly rounds = new Map<Transport, number>();
  readonly effects: string[] = [];
  readonly #loops: Promise<void>[] = [];
  #over = false;

  static async start(faulty: FaultyBroker): Promise<Bystanders> {
    const self = new Bystanders();
    for (const [index, transport] of TRANSPORTS.entries()) {
      const version = VERSIONS[index % VERSIONS.length] as Version;
      const client = await calmClient(faulty, transport, version, `calm-${transport}`);
      const topic = `calm/${transport}`;
      const props = version === '5.0' ? { properties: '' } : {};
      client.send(subscribe({ packetId: 1, filters: [[topic, 0]], ...props }));
      await client.expect(version === '5.0' ? '90 04 00 01 00 00' : '90 03 00 01 00');
      self.#loops.push(self.#live(client, transport, topic, props));
    }
    return self;
  }

  /** Ends their lives, after at least one more round of each. */
  async stop(): Promise<void> {
    this.#over = true;
    await Promise.all(this.#loops);
  }

  async #live(client: WireClient, transport: Transport, topic: string, props: object): Promise<void> {
    try {
      for (let round = 1; ; round += 1) {
        const last = this.#over;
        client.send(publish({ topic, payload: String(round), qos: 1, packetId: 2, ...props }));
        await client.expectAnyOrder('40 02 00 02', publish({ topic, payload: String(round), ...props }));
        if (round % 50 === 0) await client.silence();
        this.rounds.set(transport, round);
        if (last) break;
        // The traffic is to last as long as the run, not to be a load of its own.
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
      await client.silence();
      client.close();
    } catch (error) {
      this.effects.push(`a bystander on ${transport}: ${error instanceof Error ? error.message : error}`);
    }
  }
}

/** A client that sees every message that is routed, so that none is routed for a client that was refused. */
export class Watcher {
  /** Numbers of the cells of which a message came through. */
  readonly seen = new Set<number>();
  readonly effects: string[] = [];
  readonly #client: WireClient;
  readonly #reading: Promise<void>;

  private constructor(client: WireClient) {
    this.#client = client;
    this.#reading = this.#read();
  }

  static async start(faulty: FaultyBroker): Promise<Watcher> {
    const client = await calmClient(faulty, 'tcp', '3.1.1', 'watcher');
    client.send(subscribe({ packetId: 1, filters: [['#', 0]] }));
    await client.expect('90 03 00 01 00');
    return new Watcher(client);
  }

  /** Everything that was routed before has been seen then. */
  async stop(): Promise<void> {
    this.#client.send(publish({ topic: END }));
    await this.#reading;
    this.#client.close();
  }

  async #read(): Promise<void> {
    // A client that only listens has to say now and then that it is there.
    const beat = setInterval(() => this.#client.send(PINGREQ), 1000);
    try {
      for (;;) {
        const packet = await this.#client.readPacket('a message for the watcher');
        if (packet === PINGRESP) continue;
        const topic = topicOf(Buffer.from(packet.replaceAll(' ', ''), 'hex'));
        if (topic === END) return;
        if (topic.startsWith('t/')) this.seen.add(cellIn(topic)?.number ?? 0);
      }
    } catch (error) {
      this.effects.push(`the watcher: ${error instanceof Error ? error.message : error}`);
    } finally {
      clearInterval(beat);
    }
  }
}

/** The topic of a PUBLISH of QoS 0, as the specification lays it out. */
function topicOf(packet: Buffer): string {
  let at = 1;
  while (((packet[at] ?? 0) & 0x80) !== 0) at += 1;
  return packet.subarray(at + 3, at + 3 + packet.readUInt16BE(at + 1)).toString('utf8');
}

/** A client of the chain that nothing is wrong with. */
export async function calmClient(faulty: FaultyBroker, transport: Transport, version: Version, clientId: string): Promise<WireClient> {
  const client = await dial({ transport, port: faulty.port('calm', transport), ca: faulty.ca }).open;
  client.send(connectOf(version, { clientId, username: 'calm' }));
  const connack = await client.readPacket('CONNACK');
  if (!/^20 [0-9a-f]{2} 00 00\b/.test(connack)) throw new Error(`${clientId} was not accepted: [${connack}]`);
  return client;
}
