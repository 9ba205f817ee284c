import assert from 'node:assert/strict';
import { decodePacket } from './decode.js';
import { DEFAULT_DECODE_LIMITS, type DecodeLimits } from './decode-limits.js';
import { Frame, readFrame } from './frame.js';
import { MAX_PACKET_BYTES, type ProtocolVersion } from './packet-types.js';
import type { Malformed, Packet } from './packets.js';
import { PublishView, readPublish } from './publish.js';

/** Bytes written by hand: hexadecimal, with ASCII in single quotes. `00 04 'MQTT' 05`. */
export function hex(text: string): Buffer {
  const parts = text.match(/'[^']*'|[0-9a-f]{2}/g) ?? [];
  assert.equal(parts.join(''), text.replace(/('[^']*')|\s+/g, '$1'), 'hex: not understood');
  return Buffer.concat(parts.map((part) => (part[0] === "'" ? Buffer.from(part.slice(1, -1)) : Buffer.from(part, 'hex'))));
}

/** A packet whose remaining length is counted here, so that a test's mistake is in the field it is about. */
export function packet(firstByte: number, body: string | Buffer): Buffer {
  const bytes = typeof body === 'string' ? hex(body) : body;
  assert.ok(bytes.length < 16_384);
  const length = bytes.length < 128 ? [bytes.length] : [(bytes.length & 0x7f) | 0x80, bytes.length >> 7];
  return Buffer.concat([Buffer.from([firstByte, ...length]), bytes]);
}

/** Decodes one whole packet that stands in the middle of foreign bytes, as it does in a read buffer. */
export function decode(bytes: Buffer, version: ProtocolVersion, limits: DecodeLimits = DEFAULT_DECODE_LIMITS): Packet | Malformed {
  const { buffer, frame } = frameOf(bytes);
  return decodePacket(buffer, 3, frame.bodyStart, frame.end, version, limits);
}

export function decodeGood<T extends Packet['type']>(bytes: Buffer, version: ProtocolVersion, type: T): Extract<Packet, { type: T }> {
  const decoded = decode(bytes, version);
  assert.equal(decoded.type, type, decoded.type === 0 ? decoded.detail : `type ${decoded.type}`);
  return decoded as Extract<Packet, { type: T }>;
}

export function assertMalformed(bytes: Buffer, version: ProtocolVersion, reasonCode: number, limits?: DecodeLimits): Malformed {
  const decoded = decode(bytes, version, limits);
  assert.equal(decoded.type, 0, `accepted ${bytes.toString('hex')}`);
  assert.ok(decoded.type === 0);
  assert.equal(decoded.reasonCode.toString(16), reasonCode.toString(16), decoded.detail);
  return decoded;
}

export interface ReadPublish {
  readonly fault: number;
  readonly view: PublishView;
  readonly topic: string;
  readonly properties: string;
  readonly payload: string;
}

export function publish(bytes: Buffer, version: ProtocolVersion): ReadPublish {
  const { buffer, frame } = frameOf(bytes);
  const view = new PublishView();
  const fault = readPublish(buffer, 3, frame.bodyStart, frame.end, version, view);
  return {
    fault,
    view,
    topic: buffer.toString('utf8', view.topicStart, view.topicEnd),
    properties: buffer.toString('hex', view.propertiesStart, view.propertiesEnd),
    payload: buffer.toString('utf8', view.payloadStart, view.end),
  };
}

function frameOf(bytes: Buffer): { buffer: Buffer; frame: Frame } {
  const buffer = Buffer.concat([hex('ffffff'), bytes, hex('ffffffffffff')]);
  const frame = new Frame();
  assert.equal(readFrame(buffer, 3, 3 + bytes.length, MAX_PACKET_BYTES, frame), bytes.length);
  return { buffer, frame };
}
