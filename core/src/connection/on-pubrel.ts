import { ReasonCode } from '@portcullis/sdk';
import { type AckPacket, encodeAck, PacketType } from '../codec/index.js';
import { ERRORS } from '../errors.js';
import { type ApprovedMessage, FAULT_CODE } from '../gate/index.js';
import type { Session } from '../session/index.js';
import type { Connection } from './connection.js';
import { publish } from './on-single-publish.js';

/** The second half of QoS 2: here the message is routed, if its publisher may still publish it. */
export function onPubrel(connection: Connection, packet: AckPacket): void {
  const { session, client, room } = connection;
  if (session === null || client === null) return;
  const { packetId } = packet;
  const approved = session.received.get(packetId);
  // [MQTT-4.3.3-11] An identifier that is not known is answered too; 5.0 can be told.
  if (approved === undefined) return complete(connection, session, packetId, connection.version === 5 ? ReasonCode.PacketIdentifierNotFound : 0);
  if (approved === null) return complete(connection, session, packetId, 0);
  if (!client.publishAsks) {
    const topic = session.domain.topics.internBytes(approved.message.topicBytes);
    return finish(connection, session, packetId, approved, client.mayPublish(topic, 2, approved.message.retain));
  }
  let answered = false;
  const deadlineAt = connection.now() + client.standing.chain.deadlineMs;
  const pending = room.gate.authorizeMessage(client, approved.message, false, deadlineAt, (judgement) => {
    answered = true;
    if (connection.session !== session || session.outlet !== connection.outlet) return;
    if (judgement.outcome === 'fault') {
      // The message stays where it is: a client that comes back to its session sends the PUBREL again, and it is judged anew.
      room.stats.publishesFaulted += 1;
      const { plugin, detail } = judgement;
      room.gate.decided('authorize', plugin, 'fault', FAULT_CODE.puback, client, 'publish', approved.message.topic, null, detail);
      return connection.fail(ERRORS.pluginFault, judgement.detail, ReasonCode.ImplementationSpecificError);
    }
    finish(connection, session, packetId, approved, judgement.outcome === 'allow');
    connection.release();
  });
  if (!answered) connection.hold(pending);
}

function finish(connection: Connection, session: Session, packetId: number, approved: ApprovedMessage, allowed: boolean): void {
  const { room } = connection;
  if (!allowed) {
    // The right was lost in between: the handshake ends, the message goes nowhere.
    if (connection.client !== null) room.gate.publishDenied(connection.client, approved.message.topic, 2, approved.message.retain, 1);
    return complete(connection, session, packetId, 0);
  }
  room.custody.begin();
  publish(connection, session, approved);
  session.complete(packetId);
  const mark = room.custody.end();
  // PUBCOMP has no way of saying that the message could not be kept.
  if (mark === null) return connection.fail(ERRORS.store, 'the store cannot take the message');
  connection.acknowledgements.succeed(mark, PacketType.PUBCOMP, packetId);
}

function complete(connection: Connection, session: Session, packetId: number, reasonCode: number): void {
  connection.room.custody.begin();
  session.complete(packetId);
  const mark = connection.room.custody.end();
  if (mark === null) return connection.fail(ERRORS.store, 'the store cannot take the change');
  if (reasonCode === 0) return connection.acknowledgements.succeed(mark, PacketType.PUBCOMP, packetId);
  connection.acknowledgements.send(mark, encodeAck(connection.version, PacketType.PUBCOMP, packetId, reasonCode));
}
