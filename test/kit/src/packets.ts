/**
 * Packets as hexadecimal text, put together straight from the specification. Nothing of the broker's codec is used: what it writes is judged
 * by what stands here.
 */

type Bytes = Uint8Array | string;

const hex = (bytes: Bytes): string => Buffer.from(bytes).toString('hex');
const byte = (value: number): string => value.toString(16).padStart(2, '0');

/** Two bytes, most significant first. */
export function uint16(value: number): string {
  return value.toString(16).padStart(4, '0');
}

/** Four bytes, most significant first. */
export function uint32(value: number): string {
  return value.toString(16).padStart(8, '0');
}

/** A variable byte integer. */
export function varint(value: number): string {
  let text = '';
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    text += byte(rest > 0 ? low + 128 : low);
  } while (rest > 0);
  return text;
}

/** A string or binary field: its length in two bytes, then its bytes. */
export function field(value: Bytes): string {
  return uint16(Buffer.from(value).length) + hex(value);
}

/** A packet: first byte, remaining length, body. */
export function packet(firstByte: number, body: string): string {
  const compact = body.replaceAll(/\s/g, '');
  return byte(firstByte) + varint(compact.length / 2) + compact;
}

/** Properties of MQTT 5.0, given as hexadecimal text without their length. */
export function properties(body = ''): string {
  const compact = body.replaceAll(/\s/g, '');
  return varint(compact.length / 2) + compact;
}

export interface WillFields {
  readonly topic: string;
  readonly payload: Bytes;
  readonly qos?: 0 | 1 | 2;
  readonly retain?: boolean;
  /** MQTT 5.0 only. */
  readonly properties?: string;
}

export interface ConnectFields {
  readonly clientId: string;
  readonly username?: string;
  readonly password?: Bytes;
  /** Called clean start in 5.0; true unless told. */
  readonly cleanSession?: boolean;
  readonly keepAlive?: number;
  readonly will?: WillFields;
  /** MQTT 5.0 only. */
  readonly properties?: string;
}

function connect(protocol: string, version: number, fields: ConnectFields): string {
  const { clientId, username, password, cleanSession = true, keepAlive = 0, will } = fields;
  let flags = cleanSession ? 0x02 : 0;
  if (will !== undefined) flags |= 0x04 | ((will.qos ?? 0) << 3) | (will.retain === true ? 0x20 : 0);
  if (password !== undefined) flags |= 0x40;
  if (username !== undefined) flags |= 0x80;
  let body = field(protocol) + byte(version) + byte(flags) + uint16(keepAlive);
  if (version === 5) body += properties(fields.properties);
  body += field(clientId);
  if (will !== undefined) body += (version === 5 ? properties(will.properties) : '') + field(will.topic) + field(will.payload);
  if (username !== undefined) body += field(username);
  if (password !== undefined) body += field(password);
  return packet(0x10, body);
}

export const connect31 = (fields: ConnectFields): string => connect('MQIsdp', 3, fields);
export const connect311 = (fields: ConnectFields): string => connect('MQTT', 4, fields);
export const connect5 = (fields: ConnectFields): string => connect('MQTT', 5, fields);

export interface PublishFields {
  readonly topic: string;
  readonly payload?: Bytes;
  readonly qos?: 0 | 1 | 2;
  readonly retain?: boolean;
  readonly dup?: boolean;
  readonly packetId?: number;
  /** Given (even empty): a PUBLISH of MQTT 5.0. */
  readonly properties?: string;
}

export function publish({ topic, payload = '', qos = 0, retain = false, dup = false, packetId = 1, properties: given }: PublishFields): string {
  const first = 0x30 | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0);
  return packet(first, field(topic) + (qos > 0 ? uint16(packetId) : '') + (given === undefined ? '' : properties(given)) + hex(payload));
}

export interface SubscribeFields {
  readonly packetId?: number;
  /** Topic filter and options byte: the QoS, in 5.0 also no local (4), retain as published (8) and retain handling (16, 32). */
  readonly filters: readonly (readonly [filter: string, options: number])[];
  /** Given (even empty): a SUBSCRIBE of MQTT 5.0. */
  readonly properties?: string;
}

export function subscribe({ packetId = 1, filters, properties: given }: SubscribeFields): string {
  const list = filters.map(([filter, options]) => field(filter) + byte(options)).join('');
  return packet(0x82, uint16(packetId) + (given === undefined ? '' : properties(given)) + list);
}

export interface UnsubscribeFields {
  readonly packetId?: number;
  readonly filters: readonly string[];
  readonly properties?: string;
}

export function unsubscribe({ packetId = 1, filters, properties: given }: UnsubscribeFields): string {
  return packet(0xa2, uint16(packetId) + (given === undefined ? '' : properties(given)) + filters.map(field).join(''));
}

/** An acknowledgement; without a reason code the two-byte form that every version knows. */
function acknowledgement(first: number) {
  return (packetId: number, reasonCode?: number, given?: string): string =>
    packet(first, uint16(packetId) + (reasonCode === undefined ? '' : byte(reasonCode)) + (given === undefined ? '' : properties(given)));
}

export const puback = acknowledgement(0x40);
export const pubrec = acknowledgement(0x50);
export const pubrel = acknowledgement(0x62);
export const pubcomp = acknowledgement(0x70);

export const PINGREQ = 'c0 00';
export const PINGRESP = 'd0 00';

/** DISCONNECT; with a reason code the form of MQTT 5.0. */
export function disconnect(reasonCode?: number, given?: string): string {
  return packet(0xe0, (reasonCode === undefined ? '' : byte(reasonCode)) + (given === undefined ? '' : properties(given)));
}

/** AUTH of MQTT 5.0. */
export function auth(reasonCode: number, given = ''): string {
  return packet(0xf0, byte(reasonCode) + properties(given));
}
