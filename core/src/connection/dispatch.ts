import { decodePacket, encodeConnack, type Malformed, PacketType } from '../codec/index.js';
import { ERRORS, type ErrorKind } from '../errors.js';
import { type Connection, Phase } from './connection.js';
import { onAcknowledgement } from './on-acknowledgement.js';
import { onAuth } from './on-auth.js';
import { onConnect } from './on-connect.js';
import { onDisconnect } from './on-disconnect.js';
import { onPubrel } from './on-pubrel.js';
import { onSubscribe } from './on-subscribe.js';
import { onUnsubscribe } from './on-unsubscribe.js';

/** First byte of a PINGREQ as it must be; any other is decoded, and found to be malformed. */
const PINGREQ = PacketType.PINGREQ << 4;

/** Decodes one whole packet that is not a PUBLISH, and hands it to the handler of its type. */
export function dispatch(connection: Connection, buffer: Buffer, start: number, bodyStart: number, end: number): void {
  // [MQTT-3.12.4-1] Two bytes: a packet made of them would cost more than the answer.
  if (buffer[start] === PINGREQ && bodyStart === end && connection.phase === Phase.OPEN) return connection.out.pingresp();
  const { limits } = connection.room;
  // [MQTT-3.1.0-2] A second CONNECT is a protocol error, whatever it says: reason codes of CONNACK are none of DISCONNECT.
  if ((buffer[start] as number) >> 4 === PacketType.CONNECT && connection.phase !== Phase.NEW)
    return connection.fail(ERRORS.protocol, 'a second CONNECT');
  const packet = decodePacket(buffer, start, bodyStart, end, connection.version, limits);
  if (packet.type === 0) return malformed(connection, packet);
  if (packet.type === PacketType.CONNECT) return onConnect(connection, packet);
  if (connection.phase === Phase.CHALLENGED) {
    // [MQTT-3.1.2-30] Until it is accepted, the client may only answer or leave.
    if (packet.type === PacketType.AUTH) return onAuth(connection, packet);
    if (packet.type === PacketType.DISCONNECT) return connection.goodbye();
    return connection.fail(ERRORS.protocol, 'neither AUTH nor DISCONNECT in the middle of an authentication');
  }
  if (connection.phase !== Phase.OPEN) return connection.fail(ERRORS.protocol, 'a packet before CONNACK');
  switch (packet.type) {
    case PacketType.PUBACK:
    case PacketType.PUBREC:
    case PacketType.PUBCOMP:
      return onAcknowledgement(connection, packet);
    case PacketType.PUBREL:
      return onPubrel(connection, packet);
    case PacketType.SUBSCRIBE:
      return onSubscribe(connection, packet);
    case PacketType.UNSUBSCRIBE:
      return onUnsubscribe(connection, packet);
    case PacketType.DISCONNECT:
      return onDisconnect(connection, packet);
    case PacketType.AUTH:
      return onAuth(connection, packet);
  }
}

function malformed(connection: Connection, packet: Malformed): void {
  const kind: ErrorKind = packet.reasonCode === 0x82 ? ERRORS.protocol : ERRORS.malformed;
  if (connection.phase === Phase.NEW && packet.reasonCode === 0x84) {
    // [MQTT-3.1.2-2] The refusal has the shape that the asking client can read: that of 5.0 for 5.0 and whatever comes after it.
    const level = packet.protocolLevel & 0x7f;
    connection.version = level >= 5 ? 5 : 4;
    connection.out.packet(encodeConnack(connection.version, false, connection.version === 5 ? 0x84 : 1));
    return connection.fail(ERRORS.unsupportedVersion, packet.detail);
  }
  connection.fail(kind, packet.detail, packet.reasonCode);
}
