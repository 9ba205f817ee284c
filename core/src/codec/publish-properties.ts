import { ByteWriter } from './byte-writer.js';
import { copyBytes } from './cursor.js';
import { PacketType } from './packet-types.js';
import type { UserProperties } from './packets.js';
import { PropertyId, PropertyWalk } from './properties.js';

/** The properties of a message that travel with it, as plugins see and make them. */
export interface PublishProperties {
  payloadFormat?: 0 | 1 | undefined;
  contentType?: string | undefined;
  responseTopic?: string | undefined;
  correlationData?: Uint8Array | undefined;
  userProperties?: UserProperties | undefined;
}

/** Property bytes for `PublishFields.properties`. Total; ask `publishPropertiesFault` first where a refusal is better. */
export function encodePublishProperties(p: PublishProperties): Buffer {
  const list = new ByteWriter();
  if (p.payloadFormat !== undefined) list.uint8(PropertyId.PAYLOAD_FORMAT).uint8(p.payloadFormat);
  if (p.contentType !== undefined) list.uint8(PropertyId.CONTENT_TYPE).text(p.contentType);
  if (p.responseTopic !== undefined) list.uint8(PropertyId.RESPONSE_TOPIC).text(p.responseTopic);
  if (p.correlationData !== undefined) list.uint8(PropertyId.CORRELATION_DATA).binary(p.correlationData);
  for (const [name, value] of p.userProperties ?? []) list.uint8(PropertyId.USER_PROPERTY).text(name).text(value);
  return list.toBuffer();
}

/** Inverse of `encodePublishProperties`; the bytes were judged when the message came in. Nothing refers to the input. */
export function decodePublishProperties(bytes: Buffer): PublishProperties {
  const properties: PublishProperties = {};
  const userProperties: Array<readonly [string, string]> = [];
  const walk = new PropertyWalk();
  walk.begin(Number.MAX_SAFE_INTEGER);
  let at = 0;
  while (at < bytes.length) {
    at = walk.next(bytes, at, bytes.length, PacketType.PUBLISH);
    if (at < 0) break;
    switch (walk.id) {
      case PropertyId.PAYLOAD_FORMAT:
        properties.payloadFormat = walk.number === 0 ? 0 : 1;
        break;
      case PropertyId.CONTENT_TYPE:
        properties.contentType = bytes.toString('utf8', walk.start, walk.end);
        break;
      case PropertyId.RESPONSE_TOPIC:
        properties.responseTopic = bytes.toString('utf8', walk.start, walk.end);
        break;
      case PropertyId.CORRELATION_DATA:
        properties.correlationData = copyBytes(bytes, walk.start, walk.end);
        break;
      case PropertyId.USER_PROPERTY:
        userProperties.push([bytes.toString('utf8', walk.start, walk.end), bytes.toString('utf8', walk.pairStart, walk.pairEnd)]);
        break;
      default:
    }
  }
  if (userProperties.length > 0) properties.userProperties = userProperties;
  return properties;
}

const LONE_SURROGATE = /\p{Surrogate}/u;

function isEncodable(text: string): boolean {
  return !text.includes('\0') && !LONE_SURROGATE.test(text) && Buffer.byteLength(text) <= 65_535;
}

/** Null, or the name of the first property that MQTT could not carry as it is. For properties that a plugin made. */
export function publishPropertiesFault(p: PublishProperties): string | null {
  if (p.payloadFormat !== undefined && p.payloadFormat !== 0 && p.payloadFormat !== 1) return 'payloadFormat';
  if (p.contentType !== undefined && !isEncodable(p.contentType)) return 'contentType';
  if (p.responseTopic !== undefined) {
    if (p.responseTopic === '' || /[+#]/.test(p.responseTopic) || !isEncodable(p.responseTopic)) return 'responseTopic';
  }
  if (p.correlationData !== undefined && p.correlationData.length > 65_535) return 'correlationData';
  const pairs = p.userProperties ?? [];
  return pairs.every(([name, value]) => isEncodable(name) && isEncodable(value)) ? null : 'userProperties';
}
