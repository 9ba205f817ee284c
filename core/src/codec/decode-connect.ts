import { Cursor } from './cursor.js';
import type { DecodeLimits } from './decode-limits.js';
import { Fault, malformed } from './faults.js';
import { forwardableWillProperties } from './forwardable-properties.js';
import { PacketType, type ProtocolVersion, type Qos } from './packet-types.js';
import type { ConnectPacket, Malformed, WillFields } from './packets.js';
import { PropertyId, WILL } from './properties.js';
import { type PropertySet, readPropertySet } from './property-set.js';
import { topicNameFault } from './topic-syntax.js';

const LEVEL_3_NAME = Buffer.from([0, 6, 0x4d, 0x51, 0x49, 0x73, 0x64, 0x70]);
const NAME = Buffer.from([0, 4, 0x4d, 0x51, 0x54, 0x54]);

const NO_USER_PROPERTIES: ConnectPacket['userProperties'] = Object.freeze([]);

const ConnectFlag = {
  RESERVED: 0x01,
  CLEAN_START: 0x02,
  WILL: 0x04,
  WILL_QOS: 0x18,
  WILL_RETAIN: 0x20,
  PASSWORD: 0x40,
  USERNAME: 0x80,
} as const;

export function decodeConnect(buffer: Buffer, bodyStart: number, end: number, limits: DecodeLimits): ConnectPacket | Malformed {
  const cursor = new Cursor(buffer, bodyStart, end);
  const version = readVersion(cursor);
  if (typeof version !== 'number') return version;
  const flags = cursor.uint8('connect flags');
  checkFlags(cursor, flags, version);
  const keepAliveSeconds = cursor.uint16('keep alive');
  const properties = version === 5 ? readPropertySet(cursor, PacketType.CONNECT, limits.maxUserProperties) : null;
  checkAuthentication(cursor, properties);
  const clientId = cursor.text('client identifier'); // [MQTT-3.1.3-3] [MQTT-3.1.3-4]
  const will = (flags & ConnectFlag.WILL) === 0 ? null : readWill(cursor, flags, version, limits);
  const username = isFieldPresent(cursor, flags, ConnectFlag.USERNAME, version) ? cursor.text('user name') : null;
  const password = isFieldPresent(cursor, flags, ConnectFlag.PASSWORD, version) ? cursor.binary('password') : null;
  return (
    cursor.finish() ?? {
      type: PacketType.CONNECT,
      protocolVersion: version,
      cleanStart: (flags & ConnectFlag.CLEAN_START) !== 0,
      keepAliveSeconds,
      clientId,
      will,
      username,
      password,
      sessionExpirySeconds: properties === null ? null : properties.number(PropertyId.SESSION_EXPIRY, 0),
      receiveMaximum: properties?.number(PropertyId.RECEIVE_MAXIMUM, 65_535) ?? 65_535,
      maximumPacketSize: properties?.number(PropertyId.MAXIMUM_PACKET_SIZE, 0) ?? 0,
      topicAliasMaximum: properties?.number(PropertyId.TOPIC_ALIAS_MAXIMUM, 0) ?? 0,
      requestResponseInformation: properties?.number(PropertyId.REQUEST_RESPONSE_INFORMATION, 0) === 1,
      requestProblemInformation: properties?.number(PropertyId.REQUEST_PROBLEM_INFORMATION, 1) !== 0,
      userProperties: properties?.userProperties ?? NO_USER_PROPERTIES,
      authenticationMethod: properties?.text(PropertyId.AUTHENTICATION_METHOD) ?? null,
      authenticationData: properties?.binary(PropertyId.AUTHENTICATION_DATA) ?? null,
    }
  );
}

/** Name and level come before everything that depends on them; an unknown pair is refused with the level it named. */
function readVersion(cursor: Cursor): ProtocolVersion | Malformed {
  const { buffer, at, end } = cursor;
  const nameLength = 2 + cursor.uint16('protocol name');
  cursor.at = Math.min(at + nameLength, end);
  if (end - at < nameLength + 1) return malformed(Fault.MALFORMED, 'protocol name or level: cut off');
  const level = cursor.uint8('protocol level');
  const isName = startsWith(buffer, at, nameLength, NAME);
  if (isName && (level === 4 || level === 5)) return level;
  if (level === 3 && startsWith(buffer, at, nameLength, LEVEL_3_NAME)) return 3;
  // [MQTT-3.1.2-1] [MQTT-3.1.2-2] Bridges of other brokers set bit 7 of the level; that variant is not spoken here either.
  return malformed(Fault.UNSUPPORTED_VERSION, 'protocol name and level: not supported', level);
}

function startsWith(buffer: Buffer, at: number, length: number, expected: Buffer): boolean {
  return length === expected.length && buffer.compare(expected, 0, expected.length, at, at + length) === 0;
}

function checkFlags(cursor: Cursor, flags: number, version: ProtocolVersion): void {
  const willBits = ConnectFlag.WILL_QOS | ConnectFlag.WILL_RETAIN;
  if ((flags & ConnectFlag.RESERVED) !== 0) cursor.fail(Fault.MALFORMED, 'connect flags: reserved bit set'); // [MQTT-3.1.2-3]
  if ((flags & ConnectFlag.WILL) === 0 && (flags & willBits) !== 0) {
    cursor.fail(Fault.MALFORMED, 'connect flags: will bits without a will'); // [MQTT-3.1.2-11] [MQTT-3.1.2-13]
  }
  if ((flags & ConnectFlag.WILL_QOS) === ConnectFlag.WILL_QOS) {
    cursor.fail(Fault.MALFORMED, 'connect flags: will QoS 3'); // [MQTT-3.1.2-12]
  }
  if (version !== 5 && (flags & ConnectFlag.PASSWORD) !== 0 && (flags & ConnectFlag.USERNAME) === 0) {
    cursor.fail(Fault.MALFORMED, 'connect flags: password without user name'); // 3.1.1: [MQTT-3.1.2-22]
  }
}

function checkAuthentication(cursor: Cursor, properties: PropertySet | null): void {
  if (properties === null || properties.binary(PropertyId.AUTHENTICATION_DATA) === null) return;
  if (properties.text(PropertyId.AUTHENTICATION_METHOD) !== null) return;
  cursor.fail(Fault.PROTOCOL_ERROR, 'authentication data without a method');
}

/**
 * A flag promises a field. Only 3.1 lets the remaining length overrule the flags of user name and password, for clients
 * of still older versions: there, nothing left means not sent.
 */
function isFieldPresent(cursor: Cursor, flags: number, flag: number, version: ProtocolVersion): boolean {
  return (flags & flag) !== 0 && !(version === 3 && cursor.isAtEnd); // [MQTT-3.1.2-17] [MQTT-3.1.2-19]
}

function readWill(cursor: Cursor, flags: number, version: ProtocolVersion, limits: DecodeLimits): WillFields {
  const listStart = cursor.at;
  const properties = version === 5 ? readPropertySet(cursor, WILL, limits.maxUserProperties) : null;
  const forwardable = forwardableWillProperties(cursor.buffer, listStart, properties === null ? listStart : cursor.at);
  const topicStart = cursor.at + 2;
  const topic = cursor.text('will topic'); // [MQTT-3.1.3-11]
  const fault = cursor.failed ? 0 : topicNameFault(cursor.buffer, topicStart, cursor.at, limits.maxTopicLevels);
  if (fault !== 0) cursor.fail(fault, 'will topic: not a topic name');
  return {
    topic,
    payload: cursor.binary('will payload'),
    qos: ((flags & ConnectFlag.WILL_QOS) >> 3) as Qos,
    retain: (flags & ConnectFlag.WILL_RETAIN) !== 0,
    delaySeconds: properties?.number(PropertyId.WILL_DELAY, 0) ?? 0,
    messageExpirySeconds: properties?.number(PropertyId.MESSAGE_EXPIRY, -1) ?? -1,
    properties: forwardable,
  };
}
