import { ByteWriter } from './byte-writer.js';
import { PacketType, type ProtocolVersion } from './packet-types.js';
import type { AckPacket, UserProperties } from './packets.js';
import { PropertyId } from './properties.js';

export interface ConnackProperties {
  readonly sessionExpirySeconds?: number | undefined;
  readonly receiveMaximum?: number | undefined;
  readonly maximumQos?: 0 | 1 | undefined;
  readonly retainAvailable?: boolean | undefined;
  readonly maximumPacketSize?: number | undefined;
  readonly assignedClientId?: string | undefined;
  readonly topicAliasMaximum?: number | undefined;
  readonly reasonString?: string | undefined;
  readonly userProperties?: UserProperties | undefined;
  readonly wildcardSubscriptionAvailable?: boolean | undefined;
  readonly subscriptionIdentifiersAvailable?: boolean | undefined;
  readonly sharedSubscriptionAvailable?: boolean | undefined;
  readonly serverKeepAliveSeconds?: number | undefined;
  readonly responseInformation?: string | undefined;
  readonly authenticationMethod?: string | undefined;
  readonly authenticationData?: Uint8Array | undefined;
}

export interface DisconnectProperties {
  readonly reasonString?: string | undefined;
  readonly serverReference?: string | undefined;
}

export const PINGRESP: Buffer = Buffer.from([PacketType.PINGRESP << 4, 0]);

/** `reasonCode` is the return code 0 to 5 in 3.x, where properties are left out. */
export function encodeConnack(version: ProtocolVersion, sessionPresent: boolean, reasonCode: number, properties?: ConnackProperties): Buffer {
  // [MQTT-3.2.2-6] A refusal never speaks of a session. In 3.1 the byte is reserved.
  const flags = sessionPresent && reasonCode === 0 && version !== 3 ? 1 : 0; // [MQTT-3.2.2-1]
  if (version !== 5) return connackOf3(flags, reasonCode);
  const body = new ByteWriter().uint8(flags).uint8(reasonCode);
  writeList(body, properties === undefined ? null : connackList(properties));
  return body.toPacket(PacketType.CONNACK << 4);
}

/** There are a dozen of them, and each is four bytes: made once. */
const connacksOf3 = new Map<number, Buffer>();

function connackOf3(flags: number, returnCode: number): Buffer {
  const key = (flags << 8) | returnCode;
  let packet = connacksOf3.get(key);
  if (packet === undefined) {
    packet = Buffer.from([PacketType.CONNACK << 4, 2, flags, returnCode]);
    connacksOf3.set(key, packet);
  }
  return packet;
}

/** In 3.x every refusal becomes 0x80, the one failure code that 3.1.1 has; 3.1 has none, so the caller closes instead. */
export function encodeSuback(version: ProtocolVersion, packetId: number, reasonCodes: readonly number[]): Buffer {
  const body = new ByteWriter(reasonCodes.length + 3).uint16(packetId);
  if (version === 5) body.uint8(0);
  for (const code of reasonCodes) body.uint8(version === 5 || code < 0x80 ? code : 0x80);
  return body.toPacket(PacketType.SUBACK << 4);
}

/** 3.x carries no codes. */
export function encodeUnsuback(version: ProtocolVersion, packetId: number, reasonCodes: readonly number[]): Buffer {
  const body = new ByteWriter(reasonCodes.length + 3).uint16(packetId);
  if (version === 5) {
    body.uint8(0);
    for (const code of reasonCodes) body.uint8(code);
  }
  return body.toPacket(PacketType.UNSUBACK << 4);
}

/** In 5.0 a reason code other than 0 is written, without a property length, which may be left out. 3.x has no codes. */
export function encodeAck(version: ProtocolVersion, type: AckPacket['type'], packetId: number, reasonCode: number): Buffer {
  const hasCode = version === 5 && reasonCode !== 0;
  const packet = Buffer.allocUnsafe(hasCode ? 5 : 4);
  writeAck(packet, 0, type, packetId);
  if (hasCode) {
    packet[1] = 3;
    packet[4] = reasonCode;
  }
  return packet;
}

/** Four bytes, success, the same in every version. Returns the new offset. */
export function writeAck(target: Buffer, offset: number, type: AckPacket['type'], packetId: number): number {
  target[offset] = (type << 4) | (type === PacketType.PUBREL ? 0x02 : 0); // [MQTT-2.1.3-1]
  target[offset + 1] = 2;
  target[offset + 2] = packetId >>> 8;
  target[offset + 3] = packetId;
  return offset + 4;
}

/** 5.0 only: in 3.x a server cannot say why it leaves. */
export function encodeDisconnect(reasonCode: number, properties?: DisconnectProperties): Buffer {
  const list = new ByteWriter();
  if (properties?.reasonString !== undefined) list.uint8(PropertyId.REASON_STRING).text(properties.reasonString);
  if (properties?.serverReference !== undefined) {
    list.uint8(PropertyId.SERVER_REFERENCE).text(properties.serverReference);
  }
  const body = new ByteWriter().uint8(reasonCode);
  if (list.length > 0) writeList(body, list);
  return body.toPacket(PacketType.DISCONNECT << 4);
}

export function encodeAuth(reasonCode: number, method: string, data: Uint8Array | null): Buffer {
  const list = new ByteWriter().uint8(PropertyId.AUTHENTICATION_METHOD).text(method); // [MQTT-4.12.0-5]
  if (data !== null) list.uint8(PropertyId.AUTHENTICATION_DATA).binary(data);
  const body = new ByteWriter().uint8(reasonCode);
  writeList(body, list);
  return body.toPacket(PacketType.AUTH << 4);
}

function writeList(body: ByteWriter, list: ByteWriter | null): void {
  body.varint(list?.length ?? 0); // [MQTT-2.2.2-1]
  if (list !== null) body.raw(list.toBuffer());
}

function connackList(p: ConnackProperties): ByteWriter {
  const list = new ByteWriter();
  if (p.sessionExpirySeconds !== undefined) list.uint8(PropertyId.SESSION_EXPIRY).uint32(p.sessionExpirySeconds);
  if (p.receiveMaximum !== undefined) list.uint8(PropertyId.RECEIVE_MAXIMUM).uint16(p.receiveMaximum);
  if (p.maximumQos !== undefined) list.uint8(PropertyId.MAXIMUM_QOS).uint8(p.maximumQos);
  writeFlag(list, PropertyId.RETAIN_AVAILABLE, p.retainAvailable);
  if (p.maximumPacketSize !== undefined) list.uint8(PropertyId.MAXIMUM_PACKET_SIZE).uint32(p.maximumPacketSize);
  writeText(list, PropertyId.ASSIGNED_CLIENT_ID, p.assignedClientId);
  if (p.topicAliasMaximum !== undefined) list.uint8(PropertyId.TOPIC_ALIAS_MAXIMUM).uint16(p.topicAliasMaximum);
  writeText(list, PropertyId.REASON_STRING, p.reasonString);
  for (const [name, value] of p.userProperties ?? []) list.uint8(PropertyId.USER_PROPERTY).text(name).text(value);
  writeFlag(list, PropertyId.WILDCARD_SUBSCRIPTION_AVAILABLE, p.wildcardSubscriptionAvailable);
  writeFlag(list, PropertyId.SUBSCRIPTION_IDS_AVAILABLE, p.subscriptionIdentifiersAvailable);
  writeFlag(list, PropertyId.SHARED_SUBSCRIPTION_AVAILABLE, p.sharedSubscriptionAvailable);
  if (p.serverKeepAliveSeconds !== undefined) list.uint8(PropertyId.SERVER_KEEP_ALIVE).uint16(p.serverKeepAliveSeconds);
  writeText(list, PropertyId.RESPONSE_INFORMATION, p.responseInformation);
  writeText(list, PropertyId.AUTHENTICATION_METHOD, p.authenticationMethod);
  if (p.authenticationData !== undefined) list.uint8(PropertyId.AUTHENTICATION_DATA).binary(p.authenticationData);
  return list;
}

function writeFlag(list: ByteWriter, id: number, value: boolean | undefined): void {
  if (value !== undefined) list.uint8(id).uint8(value ? 1 : 0);
}

function writeText(list: ByteWriter, id: number, value: string | undefined): void {
  if (value !== undefined) list.uint8(id).text(value);
}
