import { decodeAck } from './decode-acks.js';
import { decodeConnect } from './decode-connect.js';
import { decodeAuth, decodeDisconnect } from './decode-disconnect.js';
import { DEFAULT_DECODE_LIMITS, type DecodeLimits } from './decode-limits.js';
import { decodeSubscribe, decodeUnsubscribe } from './decode-subscribe.js';
import { Fault, malformed } from './faults.js';
import { PacketType, type ProtocolVersion } from './packet-types.js';
import type { Malformed, Packet } from './packets.js';

/**
 * Decodes any packet that a client may send, except PUBLISH, which `readPublish` reads in place. The bounds are those
 * that `readFrame` gave. Never throws; what the packet holds is copied out of the buffer.
 */
export function decodePacket(
  buffer: Buffer,
  start: number,
  bodyStart: number,
  end: number,
  version: ProtocolVersion,
  limits: DecodeLimits = DEFAULT_DECODE_LIMITS,
): Packet | Malformed {
  const first = buffer[start] as number;
  const type = first >> 4;
  if (type !== PacketType.PUBLISH && !hasPrescribedFlags(type, first & 0x0f, version)) {
    return malformed(Fault.MALFORMED, 'fixed header: reserved flags'); // [MQTT-2.1.3-1] [MQTT-3.14.1-1] [MQTT-3.15.1-1]
  }
  switch (type) {
    case PacketType.CONNECT:
      return decodeConnect(buffer, bodyStart, end, limits);
    case PacketType.PUBACK:
    case PacketType.PUBREC:
    case PacketType.PUBREL:
    case PacketType.PUBCOMP:
      return decodeAck(type, buffer, bodyStart, end, version, limits);
    case PacketType.SUBSCRIBE:
      return decodeSubscribe(buffer, bodyStart, end, version, limits);
    case PacketType.UNSUBSCRIBE:
      return decodeUnsubscribe(buffer, bodyStart, end, version, limits);
    case PacketType.PINGREQ:
      return bodyStart === end ? { type: PacketType.PINGREQ } : malformed(Fault.MALFORMED, 'PINGREQ: bytes left over');
    case PacketType.DISCONNECT:
      return decodeDisconnect(buffer, bodyStart, end, version, limits);
    case PacketType.AUTH:
      return decodeAuth(buffer, bodyStart, end, version, limits);
    case 0:
      return malformed(Fault.MALFORMED, 'packet type 0');
    default:
      // CONNACK, SUBACK, UNSUBACK, PINGRESP are a server's; a PUBLISH here is the caller's mistake and refused as well.
      return malformed(Fault.PROTOCOL_ERROR, `packet type ${type} is not for this decoder`);
  }
}

function hasPrescribedFlags(type: number, flags: number, version: ProtocolVersion): boolean {
  if (type !== PacketType.PUBREL && type !== PacketType.SUBSCRIBE && type !== PacketType.UNSUBSCRIBE) return flags === 0;
  // 3.1 resends these three with the DUP flag; later versions took that back. [MQTT-3.8.1-1] [MQTT-3.10.1-1]
  return flags === 0x02 || (version === 3 && flags === 0x0a);
}
