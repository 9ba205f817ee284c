import { Cursor } from './cursor.js';
import type { DecodeLimits } from './decode-limits.js';
import { Fault, malformed } from './faults.js';
import { PacketType, type ProtocolVersion } from './packet-types.js';
import type { AckPacket, Malformed } from './packets.js';
import { readPropertySet } from './property-set.js';

const RECEIVED_CODES: ReadonlySet<number> = new Set([0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]);
const RELEASED_CODES: ReadonlySet<number> = new Set([0x00, 0x92]);

/** PUBACK, PUBREC, PUBREL and PUBCOMP. Their properties are checked and dropped: nothing in the broker reads them. */
export function decodeAck(
  type: AckPacket['type'],
  buffer: Buffer,
  bodyStart: number,
  end: number,
  version: ProtocolVersion,
  limits: DecodeLimits,
): AckPacket | Malformed {
  const length = end - bodyStart;
  if (length === 2) {
    const packetId = ((buffer[bodyStart] as number) << 8) | (buffer[bodyStart + 1] as number);
    if (packetId === 0) return malformed(Fault.PROTOCOL_ERROR, 'acknowledgement: packet identifier is 0'); // [MQTT-2.2.1-5]
    return { type, packetId, reasonCode: 0 };
  }
  if (length < 2 || version !== 5) return malformed(Fault.MALFORMED, 'acknowledgement: wrong length');
  const cursor = new Cursor(buffer, bodyStart, end);
  const packetId = cursor.packetId();
  const reasonCode = cursor.uint8('reason code');
  const codes = type === PacketType.PUBACK || type === PacketType.PUBREC ? RECEIVED_CODES : RELEASED_CODES;
  if (!codes.has(reasonCode)) cursor.fail(Fault.PROTOCOL_ERROR, 'reason code: not one of this packet');
  if (!cursor.isAtEnd) readPropertySet(cursor, type, limits.maxUserProperties);
  return cursor.finish() ?? { type, packetId, reasonCode };
}
