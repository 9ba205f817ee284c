import {
  auth,
  connect5,
  connect31,
  connect311,
  disconnect,
  field,
  PINGREQ,
  packet,
  puback,
  pubcomp,
  publish,
  pubrec,
  pubrel,
  subscribe,
  uint16,
  uint32,
  unsubscribe,
  varint,
} from '../support/packets.js';
import { fromHex } from '../support/wire-client.js';
import type { Random } from './random.js';

export type Version = 3 | 4 | 5;

export const VERSIONS: readonly Version[] = [3, 4, 5];

/** Few, so that clients meet. */
const TOPICS = ['a', 'a/b', 'a/b/c', 'b', 'é/😀', 'a//b', '$x/y', 'denied/x'];
const FILTERS = ['#', 'a/#', 'a/+', '+/b', 'a/b/c', 'b', '+', 'é/+', '$share/g/a/#', '$share/h/#', '$x/#', 'denied/x', 'healthy/#'];
const CLIENT_IDS = ['d0', 'd1', 'd2', 'd3', 'e0', ''];
const USERS = ['amy', 'bob', 'slow-cid'];

type Value = 'byte' | 'uint16' | 'uint32' | 'varint' | 'string' | 'binary' | 'pair';

/** Every property of MQTT 5.0 and the type of its value. */
const PROPERTIES: readonly (readonly [id: number, value: Value])[] = [
  [0x01, 'byte'],
  [0x02, 'uint32'],
  [0x03, 'string'],
  [0x08, 'string'],
  [0x09, 'binary'],
  [0x0b, 'varint'],
  [0x11, 'uint32'],
  [0x12, 'string'],
  [0x13, 'uint16'],
  [0x15, 'string'],
  [0x16, 'binary'],
  [0x17, 'byte'],
  [0x18, 'uint32'],
  [0x19, 'byte'],
  [0x1a, 'string'],
  [0x1c, 'string'],
  [0x1f, 'string'],
  [0x21, 'uint16'],
  [0x22, 'uint16'],
  [0x23, 'uint16'],
  [0x24, 'byte'],
  [0x25, 'byte'],
  [0x26, 'pair'],
  [0x27, 'uint32'],
  [0x28, 'byte'],
  [0x29, 'byte'],
  [0x2a, 'byte'],
];
const VALUES: readonly Value[] = ['byte', 'uint16', 'uint32', 'varint', 'string', 'binary', 'pair'];
const NUMBERS = [0, 1, 1, 1, 2, 5, 64, 65, 255, 65_535, 1_000_000];
const STRINGS = ['', 'a', 'r/t', 'r/t', 'é', '__proto__', 'x'.repeat(200)];

function value(random: Random, type: Value): string {
  const number = random.pick(NUMBERS);
  switch (type) {
    case 'byte':
      return (random.oneIn(10) ? number & 0xff : number & 1).toString(16).padStart(2, '0');
    case 'uint16':
      return uint16(number & 0xffff);
    case 'uint32':
      return uint32(number);
    case 'varint':
      return varint(number);
    case 'pair':
      return field(random.pick(STRINGS)) + field(random.pick(STRINGS));
    default:
      return field(random.pick(STRINGS));
  }
}

/** Properties as they may stand in a packet, in hexadecimal without their length: out of these, and now and then with the wrong type of value. */
function someProperties(random: Random, fitting: readonly number[]): string {
  let body = '';
  const seen = new Set<number>();
  for (let count = random.below(4); count > 0; count -= 1) {
    const wanted = random.pick(fitting);
    const [id, type] = random.oneIn(60) ? random.pick(PROPERTIES) : (PROPERTIES.find(([known]) => known === wanted) ?? [0x26, 'pair']);
    if (id !== 0x26 && seen.has(id) && !random.oneIn(60)) continue;
    seen.add(id);
    body += id.toString(16).padStart(2, '0') + value(random, random.oneIn(60) ? random.pick(VALUES) : type);
  }
  return body;
}

const OF_CONNECT = [0x21, 0x27, 0x22, 0x19, 0x17, 0x26];
const OF_WILL = [0x18, 0x01, 0x02, 0x03, 0x08, 0x09, 0x26];
const OF_PUBLISH = [0x01, 0x02, 0x03, 0x08, 0x09, 0x23, 0x26];

/** A CONNECT, mostly a good one. */
export function someConnect(random: Random, version: Version): Buffer {
  const clientId = random.pick(CLIENT_IDS);
  // Mostly the same user for the same client identifier: another one is refused.
  const username = random.oneIn(60) ? random.pick(USERS) : USERS[CLIENT_IDS.indexOf(clientId) % 4];
  const will = {
    topic: random.pick(random.oneIn(10) ? TOPICS : TOPICS.slice(0, 6)),
    payload: random.bytes(random.below(20)),
    qos: random.below(3) as 0 | 1 | 2,
    retain: random.oneIn(3),
  };
  const fields = {
    clientId: version === 3 && clientId === '' ? 'e1' : clientId,
    cleanSession: clientId === '' || random.oneIn(2),
    keepAlive: random.pick([0, 0, 1, 60]),
    ...(username === undefined ? {} : { username, password: 'p' }),
    ...(random.oneIn(2) ? { will: { ...will, properties: someProperties(random, OF_WILL) } } : {}),
  };
  if (version === 3) return fromHex(connect31(fields));
  if (version === 4) return fromHex(connect311(fields));
  const expiry = random.oneIn(2) ? '11 00 00 00 0a' : '';
  const method = random.oneIn(8) ? `15 ${field('r/t')}${random.oneIn(2) ? `16 ${field('data')}` : ''}` : '';
  return fromHex(connect5({ ...fields, properties: expiry + method + someProperties(random, OF_CONNECT) }));
}

function somePublish(random: Random, version: Version): string {
  const aliased = version === 5 && random.oneIn(6);
  return publish({
    topic: aliased ? '' : random.pick(TOPICS),
    payload: random.bytes(random.oneIn(80) ? 30_000 : random.below(40)),
    qos: random.below(3) as 0 | 1 | 2,
    retain: random.oneIn(4),
    dup: random.oneIn(10),
    packetId: 1 + random.below(12),
    ...(version === 5 ? { properties: aliased ? '23 00 05' : someProperties(random, OF_PUBLISH) } : {}),
  });
}

function someSubscribe(random: Random, version: Version): string {
  const filters = Array.from({ length: 1 + random.below(3) }, () => {
    const filter = random.pick(FILTERS);
    const options = version === 5 ? random.pick([0, 0x08, 0x10, 0x20, ...(filter.startsWith('$share/') ? [] : [0x04])]) : 0;
    return [filter, random.below(3) | options] as const;
  });
  return subscribe({ packetId: 1 + random.below(12), filters, ...(version === 5 ? { properties: someProperties(random, [0x0b, 0x26]) } : {}) });
}

function someAcknowledgement(random: Random, version: Version): string {
  const make = random.pick([puback, pubrec, pubrel, pubrel, pubcomp]);
  const packetId = 1 + random.below(12);
  if (version !== 5 || random.oneIn(2)) return make(packetId);
  return make(packetId, random.pick([0x00, 0x10, 0x80, 0x92]), someProperties(random, [0x1f, 0x26]));
}

/** A packet as a client sends it after its CONNECT, mostly a good one. */
export function somePacket(random: Random, version: Version): Buffer {
  const dice = random.below(24);
  if (dice < 9) return fromHex(somePublish(random, version));
  if (dice < 13) return fromHex(someSubscribe(random, version));
  if (dice < 18) return fromHex(someAcknowledgement(random, version));
  if (dice < 20) return fromHex(PINGREQ);
  if (dice === 20 && random.oneIn(4)) return someConnect(random, version);
  if (dice === 21 && version === 5 && random.oneIn(2)) return fromHex(auth(0x18, `15 ${field('r/t')}`));
  if (dice === 21 && version === 5) return fromHex(auth(random.pick([0x00, 0x18, 0x19]), someProperties(random, [0x15, 0x16, 0x1f, 0x26])));
  if (dice === 22 && random.oneIn(4)) {
    return fromHex(version === 5 ? disconnect(random.pick([0, 4, 0x81]), someProperties(random, [0x11, 0x1f, 0x26])) : disconnect());
  }
  if (dice === 23 && random.oneIn(8)) return fromHex(packet(random.below(256), random.bytes(random.below(30)).toString('hex')));
  const filters = Array.from({ length: 1 + random.below(3) }, () => random.pick(FILTERS));
  return fromHex(unsubscribe({ packetId: 1 + random.below(12), filters, ...(version === 5 ? { properties: someProperties(random, [0x26]) } : {}) }));
}
