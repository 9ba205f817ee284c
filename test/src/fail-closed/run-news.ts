import { disconnect, publish, subscribe, unsubscribe } from '../support/packets.js';
import type { WireClient } from '../support/wire-client.js';
import type { Version } from './cells.js';
import { dial } from './dial.js';
import { connectOf } from './drive.js';
import { FaultyBroker } from './faulty-broker.js';
import { type Life, lifeName } from './lives.js';
import { LIFE_NEWS, PROCESS_NEWS } from './moments.js';
import type { Result, Totals } from './run-matrix.js';
import { Bystanders, calmClient } from './watch.js';
import { NEWS_WAY_NAMES } from './ways.js';

const AT_ONCE = 12;
const CHAINS = { calm: { authenticate: ['next'], authorize: ['next'] } };
const NEXT = { taps: ['authenticate', 'loadPolicy'] };

/** Lives of clients at which every listener fails: their packets must be those of any other client. Each listener of each life is a case. */
export async function runLives(lives: readonly Life[]): Promise<Pick<Result, 'totals' | 'complaints'>> {
  const totals: Totals = { cases: 0, controls: 0, grants: 0, exits: 0, wrong: 0, effects: 0 };
  const complaints: string[] = [];
  const faulty = await FaultyBroker.start({ plugins: { next: NEXT, news: { taps: LIFE_NEWS } }, chains: CHAINS, everywhere: ['calm'] });
  const bystanders = await Bystanders.start(faulty);
  const waiting = [...lives];
  const work = async (): Promise<void> => {
    for (let life = waiting.shift(); life !== undefined; life = waiting.shift()) {
      try {
        await live(life, faulty);
      } catch (error) {
        totals.wrong += 1;
        complaints.push(`${describe(life)}: ${error instanceof Error ? error.message : error}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const missing = (): string[] =>
    lives.flatMap(({ way, number }) => LIFE_NEWS.map((hook) => `${hook} ${way} ${number}`)).filter((told) => !faulty.told.has(told));
  await faulty.until('all news', () => missing().length === 0).catch(() => {});
  for (const told of missing()) complaints.push(`a listener was not told, and so did not fail: ${told}`);
  totals.cases = lives.length * LIFE_NEWS.length - missing().length;
  await bystanders.stop();
  totals.effects = bystanders.effects.length;
  const code = await faulty.stop();
  if (code !== 0) totals.exits = 1;
  return { totals, complaints: [...complaints, ...bystanders.effects] };
}

/** Listeners that fail when the broker is ready and when it stops, one for each way, all in one process. */
export async function runProcessNews(): Promise<Pick<Result, 'totals' | 'complaints'>> {
  const totals: Totals = { cases: 0, controls: 0, grants: 0, exits: 0, wrong: 0, effects: 0 };
  const complaints: string[] = [];
  const listeners = Object.fromEntries(NEWS_WAY_NAMES.map((way) => [`news-${way}`, { taps: PROCESS_NEWS, config: { way } }]));
  const faulty = await FaultyBroker.start({ plugins: { next: NEXT, ...listeners }, chains: CHAINS, everywhere: ['calm'] });
  const client = await calmClient(faulty, 'tcp', '5.0', 'to-the-end');
  const stopped = faulty.stop();
  try {
    await client.expect('e0 01 8b');
    await client.expectClosed();
  } catch (error) {
    totals.effects += 1;
    complaints.push(`a client at the end: ${error instanceof Error ? error.message : error}`);
  }
  const code = await stopped;
  if (code !== 0) totals.exits = 1;
  for (const hook of PROCESS_NEWS) {
    for (const way of NEWS_WAY_NAMES) {
      if (faulty.told.has(`${hook} ${way} 0`)) totals.cases += 1;
      else complaints.push(`a listener was not told, and so did not fail: ${hook} ${way}`);
    }
  }
  return { totals, complaints };
}

const describe = ({ number, way, transport, version }: Life): string => `life ${number}, listeners fail by ${way}, ${transport}, MQTT ${version}`;

/** Connects, subscribes, publishes with and without the right, is taken over by itself, comes back for its session, and ends it. */
async function live(life: Life, faulty: FaultyBroker): Promise<void> {
  const { transport, version } = life;
  const v5 = version === '5.0';
  const props = v5 ? { properties: '' } : {};
  const clientId = lifeName(life);
  const enter = async (clean: boolean, lasting: boolean): Promise<WireClient> => {
    const client = await dial({ transport, port: faulty.port('calm', transport), ca: faulty.ca }).open;
    client.send(connectOf(version, { clientId, username: 'u', cleanSession: clean, ...(v5 && lasting ? { properties: '11 00 00 00 3c' } : {}) }));
    return client;
  };
  const first = await enter(v5, true);
  await accepted(first, version, false);
  first.send(subscribe({ packetId: 1, filters: [[`life/${clientId}`, 0]], ...props }));
  await first.expect(v5 ? '90 04 00 01 00 00' : '90 03 00 01 00');
  const message = { topic: `life/${clientId}`, payload: 'x', ...props };
  first.send(publish({ ...message, qos: 1, packetId: 2 }));
  await first.expectAnyOrder('40 02 00 02', publish(message));
  first.send(publish({ topic: `denied/${clientId}`, payload: 'x', qos: 1, packetId: 3, ...props }));
  await first.expect(v5 ? '40 03 00 03 87' : '40 02 00 03');
  first.send(unsubscribe({ packetId: 4, filters: [`life/${clientId}`], ...props }));
  await first.expect(v5 ? 'b0 04 00 04 00 00' : 'b0 02 00 04');
  faulty.invalidate(clientId);
  await first.silence();
  const second = await enter(false, true);
  await accepted(second, version, true);
  if (v5) await first.expect('e0 01 8e');
  await first.expectClosed();
  second.send(disconnect());
  await second.expectClosed();
  const third = await enter(true, false);
  await accepted(third, version, false);
  await third.silence();
  third.send(disconnect());
  await third.expectClosed();
  for (const client of [first, second, third]) client.close();
}

/** MQTT 3.1 has no flag that tells of a session. */
async function accepted(client: WireClient, version: Version, present: boolean): Promise<void> {
  const flag = present && version !== '3.1' ? '01' : '00';
  const connack = await client.readPacket('CONNACK');
  if (connack.slice(6, 11) !== `${flag} 00`) throw new Error(`awaited a CONNACK with ${flag} 00, came [${connack}]`);
}
