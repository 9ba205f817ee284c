export { copyBytes } from './cursor.js';
export { decodePacket } from './decode.js';
export { DEFAULT_DECODE_LIMITS, type DecodeLimits } from './decode-limits.js';
export {
  type ConnackProperties,
  type DisconnectProperties,
  encodeAck,
  encodeAuth,
  encodeConnack,
  encodeDisconnect,
  encodeSuback,
  encodeUnsuback,
  PINGRESP,
  writeAck,
} from './encode.js';
export { type PublishFields, publishLength, writePublish } from './encode-publish.js';
export { forwardableProperties } from './forwardable-properties.js';
export { FRAME_INCOMPLETE, FRAME_MALFORMED, FRAME_TOO_LONG, Frame, readFrame } from './frame.js';
export { headerLength, writeHeader } from './header.js';
export { MAX_PACKET_BYTES, PacketType, type ProtocolVersion, type Qos } from './packet-types.js';
export type {
  AckPacket,
  AuthPacket,
  ConnectPacket,
  DisconnectPacket,
  Malformed,
  Packet,
  PingreqPacket,
  RequestedFilter,
  SubscribePacket,
  UnsubscribePacket,
  UserProperties,
  WillFields,
} from './packets.js';
export { PublishView, readPublish } from './publish.js';
export {
  decodePublishProperties,
  encodePublishProperties,
  type PublishProperties,
  publishPropertiesFault,
} from './publish-properties.js';
export { isValidTopicName } from './topic-syntax.js';
export { decodeUtf8, isValidUtf8 } from './utf8.js';
