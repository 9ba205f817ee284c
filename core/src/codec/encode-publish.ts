import { headerLength, writeHeader } from './header.js';
import { PacketType, type ProtocolVersion, type Qos } from './packet-types.js';
import { PropertyId } from './properties.js';
import { varintLength, writeVarint } from './varint.js';

/** What goes out to one receiver. In 3.x everything from `properties` on is left out. */
export interface PublishFields {
  topic: Uint8Array;
  payload: Uint8Array;
  qos: Qos;
  retain: boolean;
  dup: boolean;
  /** Ignored at QoS 0. */
  packetId: number;
  /** Property bytes to pass on unchanged and in order, without topic alias, expiry and subscription identifiers. */
  properties: Uint8Array | null;
  /** -1 when the message never expires. */
  messageExpirySeconds: number;
  subscriptionIds: readonly number[] | null;
}

/** Below this, copying byte by byte beats the call into the runtime. */
const SHORT_COPY = 32;

function propertiesLength(f: PublishFields): number {
  let length = f.messageExpirySeconds >= 0 ? 5 : 0;
  if (f.properties !== null) length += f.properties.length;
  if (f.subscriptionIds !== null) {
    for (let i = 0; i < f.subscriptionIds.length; i++) length += 1 + varintLength(f.subscriptionIds[i] as number);
  }
  return length;
}

function remainingLength(version: ProtocolVersion, f: PublishFields, listLength: number): number {
  const fixed = 2 + f.topic.length + (f.qos === 0 ? 0 : 2) + f.payload.length; // [MQTT-2.2.1-2]
  return version === 5 ? fixed + varintLength(listLength) + listLength : fixed;
}

/** Total bytes of the packet. Above MAX_PACKET_BYTES the wire cannot carry it, so a caller must not write it. */
export function publishLength(version: ProtocolVersion, f: PublishFields): number {
  const remaining = remainingLength(version, f, version === 5 ? propertiesLength(f) : 0);
  return headerLength(remaining) + remaining;
}

/** Writes the packet into `target`, which must have room for `publishLength` bytes. Returns the new offset. */
export function writePublish(target: Buffer, offset: number, version: ProtocolVersion, f: PublishFields): number {
  const listLength = version === 5 ? propertiesLength(f) : 0;
  // [MQTT-3.3.1-2] QoS 0 is never a repeat.
  const flags = (f.dup && f.qos !== 0 ? 0x08 : 0) | (f.qos << 1) | (f.retain ? 0x01 : 0);
  const remaining = remainingLength(version, f, listLength);
  let at = writeHeader(target, offset, (PacketType.PUBLISH << 4) | flags, remaining);
  target[at++] = f.topic.length >>> 8;
  target[at++] = f.topic.length;
  at = copyInto(target, at, f.topic);
  if (f.qos !== 0) {
    target[at++] = f.packetId >>> 8;
    target[at++] = f.packetId;
  }
  if (version === 5) {
    at = writeVarint(target, at, listLength); // [MQTT-2.2.2-1]
    if (listLength > 0) at = writeProperties(target, at, f);
  }
  return copyInto(target, at, f.payload);
}

function writeProperties(target: Buffer, offset: number, f: PublishFields): number {
  let at = offset;
  if (f.messageExpirySeconds >= 0) {
    const seconds = f.messageExpirySeconds;
    target[at++] = PropertyId.MESSAGE_EXPIRY;
    target[at++] = seconds >>> 24;
    target[at++] = seconds >>> 16;
    target[at++] = seconds >>> 8;
    target[at++] = seconds;
  }
  if (f.properties !== null) at = copyInto(target, at, f.properties);
  if (f.subscriptionIds !== null) {
    for (let i = 0; i < f.subscriptionIds.length; i++) {
      target[at++] = PropertyId.SUBSCRIPTION_ID;
      at = writeVarint(target, at, f.subscriptionIds[i] as number);
    }
  }
  return at;
}

function copyInto(target: Buffer, offset: number, source: Uint8Array): number {
  const { length } = source;
  if (length > SHORT_COPY) target.set(source, offset);
  else for (let i = 0; i < length; i++) target[offset + i] = source[i] as number;
  return offset + length;
}
