import {
  auth,
  type ConnectFields,
  connect5,
  connect31,
  connect311,
  disconnect,
  PINGREQ,
  PINGRESP,
  publish,
  pubrel,
  subscribe,
} from '../support/packets.js';
import type { WireClient } from '../support/wire-client.js';
import { address, type Cell, proxyAddress, type Version } from './cells.js';
import { type Line, type Place, upgrade } from './dial.js';
import { ACCEPTED, FINE_COPY, ILL_COPY } from './expected.js';
import { ILL } from './meant.js';

const WAIT_MS = 5000;
const METHOD = '15 00 01 4d';

/** What a driver needs to know of the broker. */
export interface Ground {
  /** Where a cell's client connects to. */
  place(cell: Cell): Place;
  dial(place: Place): Line;
  /** Waits until the plugin has been asked the question of a cell. */
  asked(cell: Cell): Promise<void>;
}

/** Brings one client to the moment of its cell and writes down what it sees: packets, then `open` or `closed`. */
export async function drive(cell: Cell, ground: Ground): Promise<string> {
  const place = ground.place(cell);
  if (cell.moment === 'upgrade') return upgrade(place, address(cell), WAIT_MS);
  if (cell.moment === 'accept') return atTheDoor(cell, ground, place);
  const line = ground.dial(place);
  try {
    return (await sights(cell, ground, await line.open, () => line.raw.destroy())).join(' | ');
  } finally {
    line.raw.destroy();
  }
}

/** A socket that is refused has not had one byte, on any transport. */
async function atTheDoor(cell: Cell, ground: Ground, place: Place): Promise<string> {
  const { raw, open } = ground.dial({ ...place, behind: proxyAddress(cell) });
  let client: WireClient;
  try {
    client = await open;
  } catch (error) {
    if (raw.bytesRead > 0) throw new Error(`${raw.bytesRead} bytes came, then: ${error instanceof Error ? error.message : error}`);
    return 'closed';
  }
  client.send(connectOf(cell.version, { clientId: address(cell), username: 'u' }));
  const came = await listen(client, PINGREQ);
  raw.destroy();
  return came.join(' | ');
}

async function sights(cell: Cell, ground: Ground, client: WireClient, breakOff: () => void): Promise<string[]> {
  const { moment, version } = cell;
  client.send(connectOf(version, fieldsOf(cell)));
  const lease = moment === 'refresh' || moment === 'policyLease';
  const came = await listen(client, lease ? '' : PINGREQ, lease ? 1 : undefined);
  if (came[0] !== ACCEPTED || came.at(-1) === 'closed') return came;
  came.length = 1;
  const props = version === '5.0' ? { properties: '' } : {};
  switch (moment) {
    case 'again':
      client.send(auth(0x19, METHOD));
      return [...came, ...(await listen(client, PINGREQ))];
    case 'refresh':
    case 'policyLease':
      await ground.asked(cell);
      return [...came, ...(await listen(client, cell.way === 'healthy' ? PINGREQ : ''))];
    case 'willAgain':
    case 'guardWill':
      breakOff();
      await ground.asked(cell);
      return came;
    case 'publish0':
    case 'guardPublish0':
    case 'rewrite0':
    case 'publish1':
    case 'guardPublish1':
    case 'rewrite1':
    case 'publish2':
    case 'guardPublish2':
    case 'rewrite2':
    case 'retain1':
    case 'retain2': {
      const qos = Number(moment.at(-1)) as 0 | 1 | 2;
      client.send(publish({ topic: `t/${address(cell)}${ILL}`, payload: 'x', qos, packetId: 5, retain: moment.startsWith('retain'), ...props }));
      if (qos === 2) client.send(pubrel(5));
      return [...came, ...(await listen(client, PINGREQ))];
    }
    case 'subscribe':
    case 'guardSubscribe':
    case 'receive':
    case 'delivery':
      return [...came, ...(await copies(cell, client, moment === 'receive' || moment === 'delivery', props))];
    default:
      // Its will is not what this is about: it goes without one.
      client.send(disconnect());
      return [...came, 'open'];
  }
}

/** Subscribes, publishes to itself, and waits for what must come: the second message, behind which the first one would have come. */
async function copies(cell: Cell, client: WireClient, one: boolean, props: object): Promise<string[]> {
  const root = `own/${address(cell)}`;
  const filters: readonly (readonly [string, number])[] = one
    ? [[`${root}/#`, 0]]
    : [
        [root + ILL, 0],
        [`${root}/fine`, 0],
      ];
  client.send(subscribe({ packetId: 7, filters, ...props }));
  const [suback = ''] = await listen(client, '', 1);
  if (suback === 'closed') return [suback];
  client.send(publish({ topic: root + ILL, ...props }) + publish({ topic: `${root}/fine`, ...props }));
  const came = [suback];
  while (came.at(-1) !== FINE_COPY && came.at(-1) !== 'closed') came.push(...(await listen(client, '', 1)));
  return came.at(-1) === 'closed' ? came : [...came, ...(await listen(client, PINGREQ))];
}

/**
 * Reads until the broker closes the connection (`closed`), or answers the ping that is sent first (`open`), or has sent so many packets.
 * The ping proves without waiting that nothing else was to come.
 */
async function listen(client: WireClient, ping: string, count = Number.POSITIVE_INFINITY): Promise<string[]> {
  if (ping !== '') client.send(ping);
  const came: string[] = [];
  while (came.length < count) {
    let packet: string;
    try {
      packet = await client.readPacket();
    } catch (error) {
      if (client.ending === null) throw new Error(`${error instanceof Error ? error.message : error} after [${came.join(' | ')}]`);
      return [...came, client.unread === '' ? 'closed' : `${client.unread} cut off`];
    }
    if (packet === PINGRESP) return [...came, 'open'];
    came.push(nameOf(packet));
  }
  return came;
}

function nameOf(packet: string): string {
  if (/^20 [0-9a-f]{2} 0[01] 00\b/.test(packet)) return ACCEPTED;
  if (!packet.startsWith('3')) return packet;
  const text = Buffer.from(packet.replaceAll(' ', ''), 'hex').toString('latin1');
  if (text.includes(ILL)) return ILL_COPY;
  return text.includes('/fine') ? FINE_COPY : packet;
}

function fieldsOf(cell: Cell): ConnectFields {
  const fields = { clientId: address(cell), username: 'u' };
  switch (cell.moment) {
    case 'will':
    case 'willAgain':
    case 'guardWill':
      return { ...fields, will: { topic: `t/${address(cell)}${ILL}`, payload: 'w' } };
    case 'enhanced':
    case 'again':
      return { ...fields, properties: METHOD };
    default:
      return fields;
  }
}

export function connectOf(version: Version, fields: ConnectFields): string {
  if (version === '3.1') return connect31(fields);
  return version === '3.1.1' ? connect311(fields) : connect5(fields);
}
