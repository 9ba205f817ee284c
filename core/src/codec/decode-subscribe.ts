import { Cursor } from './cursor.js';
import type { DecodeLimits } from './decode-limits.js';
import { Fault } from './faults.js';
import { PacketType, type ProtocolVersion, type Qos } from './packet-types.js';
import type { Malformed, RequestedFilter, SubscribePacket, UnsubscribePacket } from './packets.js';
import { PropertyId } from './properties.js';
import { readPropertySet } from './property-set.js';
import { isShared, topicFilterFault } from './topic-syntax.js';

export function decodeSubscribe(
  buffer: Buffer,
  bodyStart: number,
  end: number,
  version: ProtocolVersion,
  limits: DecodeLimits,
): SubscribePacket | Malformed {
  const cursor = new Cursor(buffer, bodyStart, end);
  const packetId = cursor.packetId();
  const properties = version === 5 ? readPropertySet(cursor, PacketType.SUBSCRIBE, limits.maxUserProperties) : null;
  const filters: RequestedFilter[] = [];
  while (hasNext(cursor, filters.length, limits)) {
    const filterStart = cursor.at + 2;
    const filter = readFilter(cursor, limits);
    const filterEnd = cursor.at;
    const options = cursor.uint8('subscription options');
    checkOptions(cursor, options, version, isShared(buffer, filterStart, filterEnd));
    filters.push({
      filter,
      qos: (options & 3) as Qos,
      noLocal: (options & 0x04) !== 0,
      retainAsPublished: (options & 0x08) !== 0,
      retainHandling: ((options >> 4) & 3) as Qos,
    });
  }
  return (
    cursor.finish() ?? {
      type: PacketType.SUBSCRIBE,
      packetId,
      subscriptionId: properties?.number(PropertyId.SUBSCRIPTION_ID, 0) ?? 0,
      filters,
      userProperties: properties?.userProperties ?? [],
    }
  );
}

export function decodeUnsubscribe(
  buffer: Buffer,
  bodyStart: number,
  end: number,
  version: ProtocolVersion,
  limits: DecodeLimits,
): UnsubscribePacket | Malformed {
  const cursor = new Cursor(buffer, bodyStart, end);
  const packetId = cursor.packetId();
  const properties = version === 5 ? readPropertySet(cursor, PacketType.UNSUBSCRIBE, limits.maxUserProperties) : null;
  const filters: string[] = [];
  while (hasNext(cursor, filters.length, limits)) filters.push(readFilter(cursor, limits));
  return (
    cursor.finish() ?? {
      type: PacketType.UNSUBSCRIBE,
      packetId,
      filters,
      userProperties: properties?.userProperties ?? [],
    }
  );
}

function hasNext(cursor: Cursor, count: number, limits: DecodeLimits): boolean {
  if (cursor.isAtEnd) {
    if (count === 0) cursor.fail(Fault.PROTOCOL_ERROR, 'no topic filter'); // [MQTT-3.8.3-2] [MQTT-3.10.3-2]
    return false;
  }
  if (count < limits.maxFiltersPerPacket) return true;
  cursor.fail(Fault.QUOTA_EXCEEDED, 'too many topic filters');
  return false;
}

function readFilter(cursor: Cursor, limits: DecodeLimits): string {
  const start = cursor.at + 2;
  const filter = cursor.text('topic filter'); // [MQTT-3.8.3-1] [MQTT-3.10.3-1]
  const fault = cursor.failed ? 0 : topicFilterFault(cursor.buffer, start, cursor.at, limits.maxTopicLevels);
  if (fault !== 0) cursor.fail(fault, 'topic filter: not allowed');
  return filter;
}

function checkOptions(cursor: Cursor, options: number, version: ProtocolVersion, shared: boolean): void {
  // In 3.x all bits but the QoS are reserved.
  if ((options & (version === 5 ? 0xc0 : 0xfc)) !== 0) {
    cursor.fail(Fault.MALFORMED, 'subscription options: reserved bits set'); // [MQTT-3.8.3-5]
  }
  if ((options & 3) === 3) cursor.fail(Fault.PROTOCOL_ERROR, 'subscription options: QoS 3');
  if ((options & 0x30) === 0x30) cursor.fail(Fault.PROTOCOL_ERROR, 'subscription options: retain handling 3');
  if (shared && (options & 0x04) !== 0) {
    cursor.fail(Fault.PROTOCOL_ERROR, 'subscription options: no local on a shared subscription'); // [MQTT-3.8.3-4]
  }
}
