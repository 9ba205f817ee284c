import { type AddressInfo, createServer } from 'node:net';
import { field, PINGREQ, puback, pubcomp, publish, pubrec, pubrel } from '../support/packets.js';
import { fromHex } from '../support/wire-client.js';
import { type Aim, type Attack, count, within } from './aim.js';
import { burst, freshTopics } from './bursts.js';
import { Line, sleep } from './line.js';

const LINES = 4;
/** Between two bursts of one client: fast enough to keep the broker busy, without making a race of copying bytes out of it. */
const PAUSE_MS = 10;

/** So many clients send the same again and again; those that the broker cuts come back. */
async function flood(aim: Aim, name: string, version: 4 | 5, bursts: readonly Buffer[], reads = true): Promise<void> {
  const work = async (index: number): Promise<void> => {
    for (let life = 0; aim.running(); life += 1) {
      const line = await Line.client({ port: aim.port }, `${name}${index}-${life}`, version);
      if (!reads) line.stall();
      for (let i = 0; aim.running() && !line.closed; i += 1) {
        await within(aim, line.send(bursts[i % bursts.length] as Buffer));
        count(aim, 'bursts');
        await sleep(PAUSE_MS);
      }
      if (line.closed) count(aim, 'closedByBroker');
      if (line.disconnectCode !== null) count(aim, `code${line.disconnectCode.toString(16)}`);
      line.end();
    }
  };
  await Promise.all(Array.from({ length: LINES }, (_, index) => work(index)));
}

/** The same effort spent on a socket of its own: what this does to healthy clients is the machine, and not the broker. */
export const bystander: Attack = async (aim) => {
  const sink = createServer((socket) => socket.on('data', () => {}).on('error', () => {}));
  await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve));
  const { port } = sink.address() as AddressInfo;
  const bytes = burst(fromHex(PINGREQ));
  const work = async (): Promise<void> => {
    const line = await Line.open({ port });
    while (line !== null && aim.running()) {
      await within(aim, line.send(bytes));
      count(aim, 'bursts');
      await sleep(PAUSE_MS);
    }
    line?.end();
  };
  await Promise.all(Array.from({ length: LINES }, work));
  sink.close();
};

export const pings: Attack = (aim) => flood(aim, 'ping', 4, [burst(fromHex(PINGREQ))]);

/** Pings whose answers nobody reads. */
export const unreadPings: Attack = (aim) => flood(aim, 'mute', 4, [burst(fromHex(PINGREQ))], false);

/** Acknowledgements of what was never sent. */
export const unknownIds: Attack = (aim) =>
  flood(
    aim,
    'ack',
    5,
    [puback, pubrec, pubrel, pubcomp].map((make) => burst(fromHex(make(4711)))),
  );

/** PUBLISH packets of which each asks for as much work as a packet may. */
export const userProperties: Attack = (aim) => {
  const many = (count: number, value: string): string => `26${field('k')}${field(value)}`.repeat(count);
  const fits = fromHex(publish({ topic: 'x/u', properties: many(64, 'v'.repeat(100)) }));
  const tooMany = fromHex(publish({ topic: 'x/u', properties: many(60_000, '') }));
  return flood(aim, 'user', 5, [burst(fits), burst(fits), burst(fits), tooMany]);
};

/** Topics that nobody has seen before and nobody subscribes to, as fast as they go. */
export const freshPublishes: Attack = (aim) => {
  let next = 0;
  const bursts = Array.from({ length: 32 }, () => {
    const made = freshTopics('x/fresh/', next);
    next = made.next;
    return made.packets;
  });
  return flood(aim, 'fresh', 4, bursts);
};

/** QoS 2 messages, each with its PUBREL. */
export const handshakes: Attack = (aim) =>
  flood(aim, 'hand', 5, [burst(fromHex(publish({ topic: 'x/h', qos: 2, packetId: 7, payload: 'x', properties: '' }) + pubrel(7)))]);
