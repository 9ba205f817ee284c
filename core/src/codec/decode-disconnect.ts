import { Cursor } from './cursor.js';
import type { DecodeLimits } from './decode-limits.js';
import { Fault, malformed } from './faults.js';
import { PacketType, type ProtocolVersion } from './packet-types.js';
import type { AuthPacket, DisconnectPacket, Malformed } from './packets.js';
import { PropertyId } from './properties.js';
import { readPropertySet } from './property-set.js';

/** Codes that a client may give; the others of the packet's table are the server's. */
const CLIENT_DISCONNECT_CODES: ReadonlySet<number> = new Set([0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99]);
const CLIENT_AUTH_CODES: ReadonlySet<number> = new Set([0x18, 0x19]);

export function decodeDisconnect(
  buffer: Buffer,
  bodyStart: number,
  end: number,
  version: ProtocolVersion,
  limits: DecodeLimits,
): DisconnectPacket | Malformed {
  const { DISCONNECT } = PacketType;
  if (bodyStart === end) return { type: DISCONNECT, reasonCode: 0, sessionExpirySeconds: null, reasonString: null };
  if (version !== 5) return malformed(Fault.MALFORMED, 'DISCONNECT: bytes left over');
  const cursor = new Cursor(buffer, bodyStart, end);
  const reasonCode = cursor.uint8('reason code');
  if (!CLIENT_DISCONNECT_CODES.has(reasonCode)) {
    cursor.fail(Fault.PROTOCOL_ERROR, 'reason code: not one of a client'); // [MQTT-3.14.2-1]
  }
  const properties = cursor.isAtEnd ? null : readPropertySet(cursor, DISCONNECT, limits.maxUserProperties);
  return (
    cursor.finish() ?? {
      type: DISCONNECT,
      reasonCode,
      sessionExpirySeconds: properties?.number(PropertyId.SESSION_EXPIRY, null) ?? null,
      reasonString: properties?.text(PropertyId.REASON_STRING) ?? null,
    }
  );
}

export function decodeAuth(buffer: Buffer, bodyStart: number, end: number, version: ProtocolVersion, limits: DecodeLimits): AuthPacket | Malformed {
  if (version !== 5) return malformed(Fault.MALFORMED, 'packet type 15 is reserved before 5.0');
  // An empty body means Success, which only the server says.
  if (bodyStart === end) return malformed(Fault.PROTOCOL_ERROR, 'AUTH: success from a client');
  const cursor = new Cursor(buffer, bodyStart, end);
  const reasonCode = cursor.uint8('reason code');
  if (!CLIENT_AUTH_CODES.has(reasonCode)) {
    cursor.fail(Fault.PROTOCOL_ERROR, 'reason code: not one of a client'); // [MQTT-3.15.2-1]
  }
  const properties = readPropertySet(cursor, PacketType.AUTH, limits.maxUserProperties);
  const method = properties.text(PropertyId.AUTHENTICATION_METHOD);
  if (method === null) cursor.fail(Fault.PROTOCOL_ERROR, 'AUTH: no authentication method'); // [MQTT-4.12.0-5]
  return (
    cursor.finish() ?? {
      type: PacketType.AUTH,
      reasonCode,
      method,
      data: properties.binary(PropertyId.AUTHENTICATION_DATA),
      reasonString: properties.text(PropertyId.REASON_STRING),
      userProperties: properties.userProperties,
    }
  );
}
