import type { Version } from '../fuzz/corpus.js';
import type { Random } from '../fuzz/random.js';
import { connect5, connect31, field, packet, publish, uint16, varint } from '../support/packets.js';

/** What a broken PUBLISH is made like, so that it stands right behind proper ones that it resembles. */
export interface Model {
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly packetId: number;
}

export interface Broken {
  readonly name: string;
  readonly hex: string;
  /** Reason codes of a DISCONNECT of 5.0 that say what was wrong. */
  readonly codes: readonly number[];
}

type Make = (model: Model, version: Version, limits: BrokenLimits) => Omit<Broken, 'name'> | null;

export interface BrokenLimits {
  readonly maxPacketBytes: number;
  readonly topicAliasMaximum: number;
  readonly maxTopicLevels: number;
}

const PAYLOAD = '7878';
const MALFORMED = [0x81];
const PROTOCOL = [0x82];
const MALFORMED_OR_TOPIC = [0x81, 0x90];

/** A PUBLISH whose topic is given as bytes. */
function toTopic({ qos, packetId }: Model, version: Version, topic: Uint8Array, properties = ''): string {
  const list = version === 5 ? varint(properties.replaceAll(' ', '').length / 2) + properties : '';
  return packet(0x30 | (qos << 1), field(topic) + (qos > 0 ? uint16(packetId) : '') + list + PAYLOAD);
}

const like = (model: Model, version: Version, properties: string): string => toTopic(model, version, Buffer.from(model.topic), properties);

const KINDS: Readonly<Record<string, Make>> = {
  'ill-formed UTF-8 in the topic': (model, version) => ({ hex: toTopic(model, version, Buffer.from('612fc328', 'hex')), codes: MALFORMED_OR_TOPIC }),
  'U+0000 in the topic': (model, version) => ({ hex: toTopic(model, version, Buffer.from('a/\u0000')), codes: MALFORMED_OR_TOPIC }),
  'a + in the topic': (model, version) => ({ hex: toTopic(model, version, Buffer.from('a/+')), codes: [0x90] }),
  'a # in the topic': (model, version) => ({ hex: toTopic(model, version, Buffer.from('a/#')), codes: [0x90] }),
  'too many levels': (model, version, { maxTopicLevels }) => ({
    hex: toTopic(model, version, Buffer.from('/'.repeat(maxTopicLevels))),
    codes: [0x90],
  }),
  'an empty topic': (model, version) => ({ hex: toTopic(model, version, Buffer.alloc(0)), codes: [0x82, 0x90, 0x94] }),
  'a topic longer than its packet': ({ qos }) => ({ hex: packet(0x30 | (qos << 1), 'ffff 61'), codes: MALFORMED }),
  'packet identifier 0': (model, version) => ({
    hex: like({ ...model, qos: model.qos === 0 ? 1 : model.qos, packetId: 0 }, version, ''),
    codes: [0x81, 0x82],
  }),
  'DUP at QoS 0': ({ topic }, version) => ({
    hex: publish({ topic, dup: true, payload: 'xx', ...(version === 5 ? { properties: '' } : {}) }),
    codes: MALFORMED,
  }),
  'QoS 3': ({ topic }) => ({ hex: packet(0x36, `${field(topic)} 0001 00`), codes: MALFORMED }),
  'too large': ({ qos }, _version, { maxPacketBytes }) => ({
    // Its head is enough; the rest of the packet never comes.
    hex: `${(0x30 | (qos << 1)).toString(16)}${varint(maxPacketBytes + 1)}000161`,
    codes: [0x95],
  }),
  'an overlong remaining length': () => ({ hex: '30 ff ff ff ff 7f', codes: MALFORMED }),
  'a reserved packet type': () => ({ hex: '00 00', codes: MALFORMED }),
  'SUBSCRIBE with wrong flags': (_model, version) => ({ hex: packet(0x80, `0001${version === 5 ? '00' : ''}${field('a')}00`), codes: MALFORMED }),
  'a second CONNECT': (_model, version) => ({ hex: version === 5 ? connect5({ clientId: 'x' }) : connect31({ clientId: 'x' }), codes: PROTOCOL }),
  'properties longer than the packet': (model, version) =>
    version === 5 ? { hex: packet(0x30 | (model.qos << 1), `${field(model.topic)}${model.qos > 0 ? '0007' : ''}7f 0101`), codes: MALFORMED } : null,
  'a property twice': (model, version) => (version === 5 ? { hex: like(model, version, '01010101'), codes: PROTOCOL } : null),
  'a property of CONNECT': (model, version) => (version === 5 ? { hex: like(model, version, '110000003c'), codes: [0x81, 0x82] } : null),
  'an unknown property': (model, version) => (version === 5 ? { hex: like(model, version, '7f00'), codes: MALFORMED } : null),
  'payload format 2': (model, version) => (version === 5 ? { hex: like(model, version, '0102'), codes: [0x81, 0x82] } : null),
  'ill-formed UTF-8 in a user property': (model, version) =>
    version === 5 ? { hex: like(model, version, '260001610001ff'), codes: MALFORMED } : null,
  'a subscription identifier from a client': (model, version) => (version === 5 ? { hex: like(model, version, '0b01'), codes: PROTOCOL } : null),
  'topic alias 0': (model, version) => (version === 5 ? { hex: like(model, version, '230000'), codes: [0x94] } : null),
  'a topic alias above the maximum': (model, version, { topicAliasMaximum }) =>
    version === 5 ? { hex: like(model, version, `23${uint16(topicAliasMaximum + 1)}`), codes: [0x94] } : null,
};

/** One broken packet for a client of this version. */
export function someBroken(random: Random, model: Model, version: Version, limits: BrokenLimits): Broken {
  for (;;) {
    const name = random.pick(Object.keys(KINDS));
    const made = (KINDS[name] as Make)(model, version, limits);
    if (made !== null) return { name, ...made };
  }
}
