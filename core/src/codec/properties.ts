import { Fault } from './faults.js';
import { PacketType } from './packet-types.js';
import { isValidUtf8 } from './utf8.js';
import { readVarint, varintLength } from './varint.js';

/** The will's property list, which sits inside CONNECT; packet type 0 is free in every version. */
export const WILL = 0;

export const PropertyKind = { BYTE: 0, UINT16: 1, UINT32: 2, VARINT: 3, TEXT: 4, BINARY: 5, PAIR: 6 } as const;
export type PropertyKind = (typeof PropertyKind)[keyof typeof PropertyKind];

/** What a value must satisfy beyond its type. */
const Check = { NONE: 0, ZERO_OR_ONE: 1, NOT_ZERO: 2, ALIAS: 3, TOPIC: 4 } as const;
type Check = (typeof Check)[keyof typeof Check];

export const PropertyId = {
  PAYLOAD_FORMAT: 0x01,
  MESSAGE_EXPIRY: 0x02,
  CONTENT_TYPE: 0x03,
  RESPONSE_TOPIC: 0x08,
  CORRELATION_DATA: 0x09,
  SUBSCRIPTION_ID: 0x0b,
  SESSION_EXPIRY: 0x11,
  ASSIGNED_CLIENT_ID: 0x12,
  SERVER_KEEP_ALIVE: 0x13,
  AUTHENTICATION_METHOD: 0x15,
  AUTHENTICATION_DATA: 0x16,
  REQUEST_PROBLEM_INFORMATION: 0x17,
  WILL_DELAY: 0x18,
  REQUEST_RESPONSE_INFORMATION: 0x19,
  RESPONSE_INFORMATION: 0x1a,
  SERVER_REFERENCE: 0x1c,
  REASON_STRING: 0x1f,
  RECEIVE_MAXIMUM: 0x21,
  TOPIC_ALIAS_MAXIMUM: 0x22,
  TOPIC_ALIAS: 0x23,
  MAXIMUM_QOS: 0x24,
  RETAIN_AVAILABLE: 0x25,
  USER_PROPERTY: 0x26,
  MAXIMUM_PACKET_SIZE: 0x27,
  WILDCARD_SUBSCRIPTION_AVAILABLE: 0x28,
  SUBSCRIPTION_IDS_AVAILABLE: 0x29,
  SHARED_SUBSCRIPTION_AVAILABLE: 0x2a,
} as const;

export interface PropertyRule {
  readonly id: number;
  readonly name: string;
  readonly kind: PropertyKind;
  /** Packet types whose property list may hold it; WILL for the will's list. */
  readonly packets: readonly number[];
  /** Packet types in which it may stand more than once. */
  readonly repeatableIn: readonly number[];
  readonly check: Check;
}

const { BYTE, UINT16, UINT32, VARINT, TEXT, BINARY, PAIR } = PropertyKind;
const { CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, DISCONNECT, AUTH } = PacketType;
const { SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK } = PacketType;
const REASONED = [CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, DISCONNECT, AUTH];
const EVERYWHERE = [...REASONED, CONNECT, PUBLISH, WILL, SUBSCRIBE, UNSUBSCRIBE];

function rule(id: number, name: string, kind: PropertyKind, packets: readonly number[], check: Check = Check.NONE) {
  const repeatableIn = id === PropertyId.USER_PROPERTY ? packets : id === PropertyId.SUBSCRIPTION_ID ? [PUBLISH] : [];
  return Object.freeze({ id, name, kind, packets, repeatableIn, check });
}

/** All 27 properties of MQTT 5.0, §2.2.2.2. Everything the codec knows about a property stands in this table. */
export const PROPERTIES: readonly PropertyRule[] = [
  rule(0x01, 'payload format indicator', BYTE, [PUBLISH, WILL], Check.ZERO_OR_ONE),
  rule(0x02, 'message expiry interval', UINT32, [PUBLISH, WILL]),
  rule(0x03, 'content type', TEXT, [PUBLISH, WILL]),
  rule(0x08, 'response topic', TEXT, [PUBLISH, WILL], Check.TOPIC),
  rule(0x09, 'correlation data', BINARY, [PUBLISH, WILL]),
  rule(0x0b, 'subscription identifier', VARINT, [PUBLISH, SUBSCRIBE], Check.NOT_ZERO),
  rule(0x11, 'session expiry interval', UINT32, [CONNECT, CONNACK, DISCONNECT]),
  rule(0x12, 'assigned client identifier', TEXT, [CONNACK]),
  rule(0x13, 'server keep alive', UINT16, [CONNACK]),
  rule(0x15, 'authentication method', TEXT, [CONNECT, CONNACK, AUTH]),
  rule(0x16, 'authentication data', BINARY, [CONNECT, CONNACK, AUTH]),
  rule(0x17, 'request problem information', BYTE, [CONNECT], Check.ZERO_OR_ONE),
  rule(0x18, 'will delay interval', UINT32, [WILL]),
  rule(0x19, 'request response information', BYTE, [CONNECT], Check.ZERO_OR_ONE),
  rule(0x1a, 'response information', TEXT, [CONNACK]),
  rule(0x1c, 'server reference', TEXT, [CONNACK, DISCONNECT]),
  rule(0x1f, 'reason string', TEXT, REASONED),
  rule(0x21, 'receive maximum', UINT16, [CONNECT, CONNACK], Check.NOT_ZERO),
  rule(0x22, 'topic alias maximum', UINT16, [CONNECT, CONNACK]),
  rule(0x23, 'topic alias', UINT16, [PUBLISH], Check.ALIAS),
  rule(0x24, 'maximum QoS', BYTE, [CONNACK], Check.ZERO_OR_ONE),
  rule(0x25, 'retain available', BYTE, [CONNACK], Check.ZERO_OR_ONE),
  rule(0x26, 'user property', PAIR, EVERYWHERE),
  rule(0x27, 'maximum packet size', UINT32, [CONNECT, CONNACK], Check.NOT_ZERO),
  rule(0x28, 'wildcard subscription available', BYTE, [CONNACK], Check.ZERO_OR_ONE),
  rule(0x29, 'subscription identifiers available', BYTE, [CONNACK], Check.ZERO_OR_ONE),
  rule(0x2a, 'shared subscription available', BYTE, [CONNACK], Check.ZERO_OR_ONE),
];

function bits(packets: readonly number[]): number {
  return packets.reduce((mask, packet) => mask | (1 << packet), 0);
}

// The table again, flattened by identifier: PUBLISH properties are judged per message.
const IDS = 0x2b;
const kindOf = new Uint8Array(IDS);
const checkOf = new Uint8Array(IDS);
const packetsOf = new Int32Array(IDS);
const repeatableOf = new Int32Array(IDS);
/** 27 properties fit the bits of one integer; identifiers up to 42 would not. */
const seenBitOf = new Int32Array(IDS);
PROPERTIES.forEach((row, index) => {
  kindOf[row.id] = row.kind;
  checkOf[row.id] = row.check;
  packetsOf[row.id] = bits(row.packets);
  repeatableOf[row.id] = bits(row.repeatableIn);
  seenBitOf[row.id] = 1 << index;
});

export function propertyName(id: number): string {
  return PROPERTIES.find((row) => row.id === id)?.name ?? 'unknown property';
}

/**
 * Walks a property list without allocating, and applies every rule of the table. After `next` returned a new offset the
 * fields describe the property just passed; after -1 `fault` has the reason code and `id` the culprit.
 */
export class PropertyWalk {
  fault = 0;
  id = 0;
  /** Value of the numeric kinds. */
  number = 0;
  /** Bytes of a string or binary; of the name, if it is a pair. */
  start = 0;
  end = 0;
  /** Bytes of a pair's value. */
  pairStart = 0;
  pairEnd = 0;
  userPropertyCount = 0;
  #seen = 0;
  #maxUserProperties = 0;

  begin(maxUserProperties: number): void {
    this.fault = 0;
    this.userPropertyCount = 0;
    this.#seen = 0;
    this.#maxUserProperties = maxUserProperties;
  }

  next(buffer: Uint8Array, at: number, end: number, packet: number): number {
    // Identifiers are variable byte integers, but all that exist fit one byte.
    const id = buffer[at] as number;
    this.id = id;
    const packetBit = 1 << packet;
    if (id >= IDS || ((packetsOf[id] as number) & packetBit) === 0) return this.#fail(Fault.MALFORMED);
    const seenBit = seenBitOf[id] as number;
    if ((this.#seen & seenBit) !== 0 && ((repeatableOf[id] as number) & packetBit) === 0) {
      return this.#fail(Fault.PROTOCOL_ERROR);
    }
    this.#seen |= seenBit;
    const next = this.#readValue(buffer, at + 1, end, kindOf[id] as number);
    return next < 0 ? next : this.#check(buffer, next, checkOf[id] as number);
  }

  #fail(fault: number): number {
    this.fault = fault;
    return -1;
  }

  #readValue(buffer: Uint8Array, at: number, end: number, kind: number): number {
    switch (kind) {
      case PropertyKind.BYTE:
        return this.#readInteger(buffer, at, end, 1);
      case PropertyKind.UINT16:
        return this.#readInteger(buffer, at, end, 2);
      case PropertyKind.UINT32:
        return this.#readInteger(buffer, at, end, 4);
      case PropertyKind.VARINT:
        this.number = readVarint(buffer, at, end);
        return this.number < 0 ? this.#fail(Fault.MALFORMED) : at + varintLength(this.number);
      case PropertyKind.TEXT:
        return this.#readBytes(buffer, at, end, true);
      case PropertyKind.BINARY:
        return this.#readBytes(buffer, at, end, false);
      default:
        return this.#readPair(buffer, at, end);
    }
  }

  #readInteger(buffer: Uint8Array, at: number, end: number, size: number): number {
    if (at + size > end) return this.#fail(Fault.MALFORMED);
    let value = 0;
    // Multiplied, not shifted: four-byte values reach beyond the sign bit.
    for (let i = 0; i < size; i++) value = value * 256 + (buffer[at + i] as number);
    this.number = value;
    return at + size;
  }

  #readBytes(buffer: Uint8Array, at: number, end: number, text: boolean): number {
    if (at + 2 > end) return this.#fail(Fault.MALFORMED);
    const start = at + 2;
    const stop = start + (((buffer[at] as number) << 8) | (buffer[at + 1] as number));
    if (stop > end) return this.#fail(Fault.MALFORMED);
    if (text && !isValidUtf8(buffer, start, stop)) return this.#fail(Fault.MALFORMED);
    this.start = start;
    this.end = stop;
    return stop;
  }

  #readPair(buffer: Uint8Array, at: number, end: number): number {
    if (this.userPropertyCount >= this.#maxUserProperties) return this.#fail(Fault.QUOTA_EXCEEDED);
    this.userPropertyCount += 1;
    const middle = this.#readBytes(buffer, at, end, true); // [MQTT-1.5.7-1]
    if (middle < 0) return middle;
    const nameStart = this.start;
    const nameEnd = this.end;
    const next = this.#readBytes(buffer, middle, end, true);
    this.pairStart = this.start;
    this.pairEnd = this.end;
    this.start = nameStart;
    this.end = nameEnd;
    return next;
  }

  #check(buffer: Uint8Array, next: number, check: number): number {
    switch (check) {
      case Check.ZERO_OR_ONE:
        return this.number > 1 ? this.#fail(Fault.PROTOCOL_ERROR) : next;
      case Check.NOT_ZERO:
        return this.number === 0 ? this.#fail(Fault.PROTOCOL_ERROR) : next;
      case Check.ALIAS:
        return this.number === 0 ? this.#fail(Fault.TOPIC_ALIAS_INVALID) : next; // [MQTT-3.3.2-8]
      case Check.TOPIC:
        return this.#hasWildcardOrIsEmpty(buffer) ? this.#fail(Fault.PROTOCOL_ERROR) : next; // [MQTT-3.3.2-14]
      default:
        return next;
    }
  }

  #hasWildcardOrIsEmpty(buffer: Uint8Array): boolean {
    for (let i = this.start; i < this.end; i++) if (buffer[i] === 0x2b || buffer[i] === 0x23) return true;
    return this.start === this.end;
  }
}
