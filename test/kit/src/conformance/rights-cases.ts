import { PINGREQ, PINGRESP } from '../packets.js';
import type { TestBroker } from '../test-broker.js';
import type { TestClient } from '../test-client.js';
import { HOSTILE_NAMES, LONG_NAME } from './hostile.js';
import type { ConformanceCase, ExpectedRight } from './options.js';
import type { Trial } from './trial.js';

/** Topics and filters that every client is tried on; none of them holds the name of one. */
const PROBES = ['a', 'a/b', 'dev/other/x', 'x/y/z', '$SYS/broker', '$x/y'];
const FILTERS = ['#', '+', '+/+', 'a/#', '+/b', 'dev/+/x', '$SYS/#', '$share/g/#'];
const STRANGER = { username: 'kit-stranger', clientId: 'kit-stranger' };
const GENERATIONS = 4;

/** A plugin that only gives rights is asked about clients that somebody else has let in. */
const STAND_IN = 'kit-everybody';

/** What must hold for every plugin that gives rights, as rules or by code. */
export function rightsCases(trial: Trial): ConformanceCase[] {
  const { rights = [] } = trial.options;
  const chain = rightsChain(trial);
  const hostile = HOSTILE_NAMES.filter((name) => name.length < 1000);

  return [
    {
      title: 'gives and refuses the rights that it should',
      run: () => trial.with((broker) => rightsHold(broker, rights), { chain }),
    },
    {
      title: 'gives the same rights after a reload and in a new generation',
      run: () =>
        trial.with(
          async (broker) => {
            for (let i = 0; i < GENERATIONS; i += 1) {
              await (i % 2 === 0 ? broker.reload() : broker.reconfigure());
              await rightsHold(broker, rights);
            }
          },
          { chain },
        ),
    },
    {
      title: 'gives nobody more for a hostile username',
      run: () =>
        trial.with(
          (broker) =>
            noNameWidens(
              broker,
              hostile.map((username) => ({ ...STRANGER, username })),
            ),
          { chain },
        ),
    },
    {
      title: 'gives nobody more for a hostile client identifier',
      run: () =>
        trial.with(
          (broker) =>
            noNameWidens(
              broker,
              hostile.map((clientId) => ({ ...STRANGER, clientId })),
            ),
          { chain },
        ),
    },
    {
      title: 'has an answer for the longest of names, and for clients without one',
      run: () =>
        trial.with(
          async (broker) => {
            for (const who of [{ username: LONG_NAME }, {}]) {
              const client = await broker.client({ protocol: '5.0' });
              await client.connect(who);
              await client.publish('a', '', { qos: 1 });
              await client.disconnect();
            }
          },
          { chain },
        ),
    },
  ];
}

/** The chain of the plugin behind an authority that knows everybody. A filter is granted as a whole or not at all. */
export function rightsChain({ options: { chain } }: Trial): Readonly<Record<string, unknown>> {
  return { ...chain, authenticate: [STAND_IN], partialSubscribe: 'reject' };
}

/** Whether each right is as it should be; all that are not are named. */
async function rightsHold(broker: TestBroker, rights: readonly ExpectedRight[]): Promise<void> {
  const wrong: string[] = [];
  for (const right of rights) {
    const has = await may(broker, right, right);
    if (has === right.allowed) continue;
    const who = right.username === undefined ? 'an anonymous client' : JSON.stringify(right.username);
    wrong.push(`${who} ${has ? 'may' : 'may not'} ${right.action} ${JSON.stringify(right.topic)}`);
  }
  if (wrong.length > 0) throw new Error(wrong.join('; '));
}

type Who = Pick<ExpectedRight, 'username' | 'clientId'>;

/** Whether a client may do something. A client that does not even get in may not. */
export async function may(
  broker: TestBroker,
  { username, clientId }: Who,
  { action, topic }: Pick<ExpectedRight, 'action' | 'topic'>,
): Promise<boolean> {
  const client = await broker.client({ protocol: '5.0' });
  client.sendConnect({ ...(username !== undefined && { username }), ...(clientId !== undefined && { clientId }) });
  const connack = await client.expectPacket((packet) => packet.type === 2);
  if (connack.code !== 0) return false;
  const has = action === 'receive' ? await receives(broker, client, topic) : (await ask(client, action, topic)) < 0x80;
  await client.disconnect();
  return has;
}

function ask(client: TestClient, action: 'publish' | 'subscribe', topic: string): Promise<number> {
  return action === 'publish' ? client.publish(topic, '', { qos: 1 }) : client.subscribe(topic, 0);
}

/** Whether a message on a topic, which the client may or may not subscribe to, comes to it. */
async function receives(broker: TestBroker, client: TestClient, topic: string): Promise<boolean> {
  if ((await client.subscribe(topic)) >= 0x80) return false;
  await broker.publish({ topic, payload: 'kit' });
  client.send(PINGREQ);
  const next = await client.expectPacket();
  if (next.type === 3) await client.expectPacket(PINGRESP);
  return next.type === 3;
}

async function noNameWidens(broker: TestBroker, names: readonly (typeof STRANGER)[]): Promise<void> {
  const stranger = await allAnswers(broker, STRANGER);
  for (const who of names) {
    const answers = await allAnswers(broker, who);
    const wider = [...answers].find(([question, allowed]) => allowed && stranger.get(question) !== true);
    if (wider !== undefined)
      throw new Error(`${JSON.stringify(who.username)} as ${JSON.stringify(who.clientId)} may ${wider[0]}, a stranger may not`);
  }
}

/** Every probe by one client. Publishing is asked before subscribing, so that nothing is delivered. */
async function allAnswers(broker: TestBroker, who: typeof STRANGER): Promise<Map<string, boolean>> {
  const client = await broker.client({ protocol: '5.0' });
  await client.connect(who);
  const answers = new Map<string, boolean>();
  for (const topic of PROBES) answers.set(`publish ${topic}`, (await client.publish(topic, '', { qos: 1 })) < 0x80);
  for (const filter of FILTERS) answers.set(`subscribe ${filter}`, (await client.subscribe(filter, 0)) < 0x80);
  await client.disconnect();
  return answers;
}
