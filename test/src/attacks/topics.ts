import { field, packet, publish, subscribe, uint16, unsubscribe, varint } from '../support/packets.js';
import { fromHex } from '../support/wire-client.js';
import { type Aim, type Attack, count, scaled, within } from './aim.js';
import { burst, freshTopics, SUBSCRIBE, UNSUBSCRIBE } from './bursts.js';
import { Line, sleep } from './line.js';

const FILTERS_PER_PACKET = 512;

async function subscribeAll(aim: Aim, line: Line, filters: readonly string[], properties?: (index: number) => string): Promise<void> {
  const size = properties === undefined ? FILTERS_PER_PACKET : 1;
  for (let at = 0; at < filters.length; at += size) {
    const some = filters.slice(at, at + size).map((filter) => [filter, 0] as const);
    await within(aim, line.send(fromHex(subscribe({ filters: some, ...(properties === undefined ? {} : { properties: properties(at) }) }))));
  }
}

/** Every filter of so many levels that are each a `+` or an `a`. */
export function plusFilters(levels: number): string[] {
  return Array.from({ length: 2 ** levels }, (_, bits) =>
    ['x', ...Array.from({ length: levels }, (_level, i) => ((bits >> i) & 1 ? '+' : 'a')), '+'].join('/'),
  );
}

async function publishFresh(aim: Aim, lines: readonly Line[], prefix: string): Promise<void> {
  let next = 0;
  while (aim.running()) {
    for (const line of lines) {
      const made = freshTopics(prefix, next);
      count(aim, 'published', made.next - next);
      next = made.next;
      await within(aim, line.send(made.packets));
    }
    await sleep(10);
  }
  for (const line of lines) count(aim, line.closed ? 'closedByBroker' : 'open');
}

/** Filters in all combinations of `+` and a literal, `#` everywhere, and topics that all of them match and that nobody has seen before. */
export const plusTree: Attack = async (aim) => {
  const levels = Math.max(4, Math.round(13 + Math.log2(aim.scale)));
  const lines: Line[] = [];
  for (let i = 0; i < 4; i += 1) {
    const line = await Line.client({ port: aim.port }, `p${i}`);
    await subscribeAll(aim, line, i % 2 === 0 ? plusFilters(levels) : plusFilters(levels - 1).map((filter) => `${filter.slice(0, -1)}#`));
    lines.push(line);
  }
  await publishFresh(aim, lines, `x/${'a/'.repeat(levels)}`);
  for (const line of lines) line.end();
};

/** One client with thousands of filters that overlap, each with an identifier of its own. */
export const identifiers: Attack = async (aim) => {
  const levels = Math.max(4, Math.round(13 + Math.log2(aim.scale)));
  const receiver = await Line.client({ port: aim.port }, 'ids', 5);
  await subscribeAll(aim, receiver, plusFilters(levels), (index) => `0b${varint(index + 1)}`);
  const publisher = await Line.client({ port: aim.port }, 'idsp');
  await publishFresh(aim, [publisher], `x/${'a/'.repeat(levels)}`);
  for (const line of [receiver, publisher]) line.end();
};

/** Topics and filters of 65,000 slashes: published, retained, subscribed to, unsubscribed from. */
export const slashes: Attack = async (aim) => {
  const deep = '/'.repeat(65_000);
  const kinds = [
    [5, fromHex(publish({ topic: deep, payload: 'x', properties: '' })), 'published'],
    [4, fromHex(publish({ topic: deep, payload: 'x', retain: true })), 'retained'],
    [5, fromHex(subscribe({ filters: [[deep, 0]], properties: '' })), 'subscribed'],
    [4, Buffer.concat([SUBSCRIBE(`${deep}#`), UNSUBSCRIBE(deep)]), 'subscribed'],
    [5, fromHex(packet(0x30, `${field('')}03 23 ${uint16(1)}`)), 'aliased'],
  ] as const;
  let made = 0;
  const total = scaled(aim, 20_000, 20);
  const work = async (): Promise<void> => {
    while (aim.running() && made < total) {
      const [version, bytes, kind] = kinds[made % kinds.length] as (typeof kinds)[number];
      made += 1;
      const line = await Line.client({ port: aim.port }, `sl${made}`, version);
      await within(aim, line.send(bytes));
      count(aim, kind);
      if (kind !== 'subscribed') {
        if (await line.gone(2000)) count(aim, 'closedByBroker');
        if (line.disconnectCode !== null) count(aim, `code${line.disconnectCode.toString(16)}`);
      }
      line.end();
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
};

/** Subscribing and unsubscribing without end: every route that is remembered is out of date again. */
export const subscriptionChurn: Attack = async (aim) => {
  const lines: Line[] = [];
  for (let i = 0; i < 8; i += 1) lines.push(await Line.client({ port: aim.port }, `ch${i}`));
  let serial = 0;
  while (aim.running()) {
    for (const line of lines) {
      serial += 1;
      const filters = [`x/churn/${serial}`, 'x/+/+', '#', '+/+/+/#'];
      await within(aim, line.send(burst(Buffer.concat(filters.flatMap((filter) => [SUBSCRIBE(filter), UNSUBSCRIBE(filter)])), 8192)));
      count(aim, 'bursts');
    }
    await sleep(10);
  }
  for (const line of lines) line.end();
};

/** A thousand filters in each packet, new ones all the time. */
export const manyFilters: Attack = async (aim) => {
  const lines: Line[] = [];
  for (let i = 0; i < 4; i += 1) lines.push(await Line.client({ port: aim.port }, `mf${i}`));
  const size = scaled(aim, 1024);
  for (let serial = 0; aim.running(); serial += 1) {
    const filters = Array.from({ length: size }, (_, i) => `x/${serial}/${i}/+`);
    const packets = Buffer.concat([
      fromHex(subscribe({ filters: filters.map((filter) => [filter, 0] as const) })),
      fromHex(unsubscribe({ filters })),
    ]);
    for (const line of lines) await within(aim, line.send(packets));
    count(aim, 'packets', 2 * lines.length);
    await sleep(10);
  }
  for (const line of lines) line.end();
};

/** Many retained messages, more of them all the time, and clients that ask for all of them again and again. */
export const retainedChurn: Attack = async (aim) => {
  const writer = await Line.client({ port: aim.port }, 'rw');
  const retain = async (from: number, many: number): Promise<void> => {
    const packets = Array.from({ length: many }, (_, i) =>
      fromHex(publish({ topic: `x/r/${(from + i) % 1000}/${from + i}`, payload: 'r', retain: true })),
    );
    await within(aim, writer.send(Buffer.concat(packets)));
    count(aim, 'retained', many);
  };
  const whole = scaled(aim, 50_000);
  for (let made = 0; made < whole && aim.running(); made += 500) await retain(made, Math.min(500, whole - made));
  const lines: Line[] = [];
  for (let i = 0; i < 8; i += 1) lines.push(await Line.client({ port: aim.port }, `rc${i}`));
  for (let round = 0; aim.running(); round += 1) {
    for (const line of lines) {
      // Wildcards that find everything, and one that finds nothing among all of them.
      const filter = ['x/r/#', 'x/+/+/+', 'x/r/+/none', '#'][round % 4] as string;
      await within(aim, line.send(Buffer.concat([SUBSCRIBE(filter), UNSUBSCRIBE(filter), SUBSCRIBE(filter)])));
      count(aim, 'asked');
    }
    await retain(round * 10, 10);
    await sleep(50);
  }
  count(
    aim,
    'bytes',
    lines.reduce((sum, { received }) => sum + received, 0),
  );
  // They stay with the broker otherwise: cleared, so that the next attack finds it as it was.
  for (let made = 0; made < whole; made += 500) {
    const packets = Array.from({ length: 500 }, (_, i) => fromHex(publish({ topic: `x/r/${(made + i) % 1000}/${made + i}`, retain: true })));
    await writer.send(Buffer.concat(packets));
  }
  await sleep(300);
  for (const line of [writer, ...lines]) line.end();
};
