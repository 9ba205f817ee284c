import { type AckPacket, encodeAck, PacketType } from '../codec/index.js';
import { ERRORS } from '../errors.js';
import { Awaited } from '../session/index.js';
import type { Connection } from './connection.js';

/** PUBACK, PUBREC and PUBCOMP: what a client says of messages that were sent to it. */
export function onAcknowledgement(connection: Connection, packet: AckPacket): void {
  const { session } = connection;
  if (session === null) return;
  const { packetId, reasonCode } = packet;
  const awaited = session.inFlight.awaited(packetId);
  switch (packet.type) {
    case PacketType.PUBACK:
      if (awaited === Awaited.PUBACK) session.acknowledged(packetId);
      else if (awaited !== Awaited.NOTHING) connection.fail(ERRORS.protocol, 'PUBACK for a QoS 2 message');
      return;
    case PacketType.PUBREC:
      if (awaited === Awaited.PUBACK) return connection.fail(ERRORS.protocol, 'PUBREC for a QoS 1 message');
      // [MQTT-4.4.0-2] An error settles the message.
      if (reasonCode >= 0x80) {
        if (awaited === Awaited.PUBREC) session.acknowledged(packetId);
        return;
      }
      if (awaited === Awaited.PUBREC) session.released(packetId);
      // [MQTT-4.3.3-4] Also for an identifier that is not known here: the client must get rid of it (0x92 says so to a 5.0 one).
      if (awaited === Awaited.NOTHING && connection.version === 5) connection.out.packet(encodeAck(5, PacketType.PUBREL, packetId, 0x92));
      else connection.out.ack(PacketType.PUBREL, packetId);
      return;
    default:
      if (awaited === Awaited.PUBCOMP) session.acknowledged(packetId);
      else if (awaited !== Awaited.NOTHING) connection.fail(ERRORS.protocol, 'PUBCOMP for a message that was not released');
  }
}
