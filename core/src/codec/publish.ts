import { DEFAULT_DECODE_LIMITS } from './decode-limits.js';
import { Fault } from './faults.js';
import { PacketType, type ProtocolVersion } from './packet-types.js';
import { PropertyId, PropertyWalk } from './properties.js';
import { readVarint, varintLength } from './varint.js';

/** Where the parts of a PUBLISH lie in the read buffer. One value is reused per connection; it owns no bytes. */
export class PublishView {
  start = 0;
  end = 0;
  qos = 0;
  retain = false;
  dup = false;
  topicStart = 0;
  topicEnd = 0;
  packetId = 0;
  /** The property list without its length. */
  propertiesStart = 0;
  propertiesEnd = 0;
  payloadStart = 0;
  /** 0 when there is none. */
  topicAlias = 0;
  /** -1 when the message never expires. */
  messageExpirySeconds = -1;
  /** Neither topic alias nor message expiry among the properties: they may be passed on as they are. */
  forwardable = true;
}

const walk = new PropertyWalk();

/**
 * Fills `view` and returns 0, or returns a 5.0 reason code. Everything is judged but the topic's own bytes, which the
 * caller looks up before it would pay for `isValidTopicName`.
 */
export function readPublish(
  buffer: Buffer,
  start: number,
  bodyStart: number,
  end: number,
  version: ProtocolVersion,
  view: PublishView,
  maxUserProperties: number = DEFAULT_DECODE_LIMITS.maxUserProperties,
): number {
  const first = buffer[start] as number;
  const qos = (first >> 1) & 3;
  if (qos === 3) return Fault.MALFORMED; // [MQTT-3.3.1-4]
  if (qos === 0 && (first & 0x08) !== 0) return Fault.MALFORMED; // [MQTT-3.3.1-2]
  const topicStart = bodyStart + 2;
  if (topicStart > end) return Fault.MALFORMED;
  const topicEnd = topicStart + (((buffer[bodyStart] as number) << 8) | (buffer[bodyStart + 1] as number));
  let at = topicEnd + (qos === 0 ? 0 : 2);
  if (at > end) return Fault.MALFORMED;
  const packetId = qos === 0 ? 0 : ((buffer[at - 2] as number) << 8) | (buffer[at - 1] as number);
  if (qos !== 0 && packetId === 0) return Fault.PROTOCOL_ERROR; // [MQTT-2.2.1-3]
  view.topicAlias = 0;
  view.messageExpirySeconds = -1;
  view.forwardable = true;
  view.propertiesStart = at;
  view.propertiesEnd = at;
  if (version === 5) {
    if (at >= end) return Fault.MALFORMED;
    if (buffer[at] === 0) {
      at += 1;
      view.propertiesStart = at;
      view.propertiesEnd = at;
    } else {
      const fault = readProperties(buffer, at, end, view, maxUserProperties);
      if (fault !== 0) return fault;
      at = view.propertiesEnd;
    }
  }
  // [MQTT-4.7.3-1] Only a topic alias may stand for the topic.
  if (topicStart === topicEnd && view.topicAlias === 0) return Fault.PROTOCOL_ERROR;
  view.start = start;
  view.end = end;
  view.qos = qos;
  view.retain = (first & 0x01) !== 0;
  view.dup = (first & 0x08) !== 0;
  view.topicStart = topicStart;
  view.topicEnd = topicEnd;
  view.packetId = packetId;
  view.payloadStart = at;
  return 0;
}

function readProperties(buffer: Buffer, lengthAt: number, end: number, view: PublishView, maxUserProperties: number): number {
  const length = readVarint(buffer, lengthAt, end);
  if (length < 0) return Fault.MALFORMED;
  const listStart = lengthAt + varintLength(length);
  const listEnd = listStart + length;
  if (listEnd > end) return Fault.MALFORMED;
  walk.begin(maxUserProperties);
  let at = listStart;
  while (at < listEnd) {
    at = walk.next(buffer, at, listEnd, PacketType.PUBLISH);
    if (at < 0) return walk.fault;
    switch (walk.id) {
      case PropertyId.TOPIC_ALIAS:
        view.topicAlias = walk.number;
        view.forwardable = false;
        break;
      case PropertyId.MESSAGE_EXPIRY:
        view.messageExpirySeconds = walk.number;
        view.forwardable = false;
        break;
      case PropertyId.SUBSCRIPTION_ID:
        return Fault.PROTOCOL_ERROR; // Only the server tells which subscriptions matched. [MQTT-3.3.4-6]
      default:
    }
  }
  view.propertiesStart = listStart;
  view.propertiesEnd = listEnd;
  return 0;
}
