import { ReasonCode } from '@portcullis/sdk';
import { type AckPacket, encodeAck, forwardableProperties, PacketType, type PublishView } from '../codec/index.js';
import { ERRORS } from '../errors.js';
import { type ApprovedMessage, Message, type PublishVerdict, refusalCode, type TopicEntry } from '../gate/index.js';
import { publishMessage } from '../router/index.js';
import type { Session } from '../session/index.js';
import { type Mark, NO_MARK } from '../store/index.js';
import type { Connection } from './connection.js';
import { overReceiveMaximum } from './receive-maximum.js';

/** Handles one PUBLISH by itself: QoS 2, RETAIN, aliases, an expiry, or a chain that wants to see every message. */
export function onSinglePublish(connection: Connection, buffer: Buffer, view: PublishView, topic: TopicEntry): void {
  const { session, client, room } = connection;
  if (session === null || client === null) return;
  const { packetId } = view;
  const qos = view.qos as 0 | 1 | 2;
  if (qos === 2 && session.received.has(packetId)) {
    // [MQTT-4.3.3-10] A repeat: answered, not delivered again.
    return connection.acknowledgements.succeed(NO_MARK, PacketType.PUBREC, packetId);
  }
  if (qos > 0 && overReceiveMaximum(connection, session)) return;
  const message = messageOf(connection, buffer, view, topic, client.username, session.clientId);
  if (!client.publishAsks) {
    // Rules only: the remembered answer is enough, and nobody needs time.
    const approved = room.gate.approveByRules(client, topic, message);
    if (approved !== null) return accepted(connection, session, packetId, approved);
    room.gate.publishDenied(client, topic.topic, qos, message.retain, 1);
    return denied(connection, session, qos, packetId, ReasonCode.NotAuthorized);
  }
  let answered = false;
  const pending = room.gate.judgePublish(client, message, false, (verdict) => {
    answered = true;
    if (connection.session !== session || session.outlet !== connection.outlet) return;
    decided(connection, session, qos, packetId, verdict);
    connection.release();
  });
  if (!answered) connection.hold(pending);
}

function decided(connection: Connection, session: Session, qos: 0 | 1 | 2, packetId: number, verdict: PublishVerdict): void {
  if (verdict.outcome === 'route') return accepted(connection, session, packetId, verdict.approved);
  if (verdict.outcome === 'deny') return denied(connection, session, qos, packetId, refusalCode(verdict.reason, 'puback'));
  if (qos === 0) return;
  faulted(connection, qos, packetId, verdict.detail);
}

/** Routes the message, or keeps it for its PUBREL, and acknowledges it when it is in custody. */
function accepted(connection: Connection, session: Session, packetId: number, approved: ApprovedMessage): void {
  const { room, version } = connection;
  const { qos } = approved.message;
  if (qos === 2 && !session.received.takes(approved.message)) return full(connection, packetId);
  room.custody.begin();
  let code: number = ReasonCode.Success;
  if (qos === 2) session.hold(packetId, approved);
  else if (!publish(connection, session, approved)) code = ReasonCode.NoMatchingSubscribers;
  const mark = room.custody.end();
  if (qos === 0) return;
  const type = qos === 1 ? PacketType.PUBACK : PacketType.PUBREC;
  if (mark === null) {
    // The store does not have it: sent again, it must not be taken for a repeat.
    if (qos === 2) session.received.delete(packetId);
    if (version !== 5) return connection.fail(ERRORS.store, 'the store cannot take the message');
    return connection.acknowledgements.send(NO_MARK, encodeAck(5, type, packetId, ReasonCode.QuotaExceeded));
  }
  if (version !== 5 || code === ReasonCode.Success) return succeed(connection, mark, type, packetId);
  send(connection, mark, encodeAck(version, type, packetId, code));
}

/** Too much of the client's waits for its PUBREL: it keeps this one. */
function full(connection: Connection, packetId: number): void {
  if (connection.version !== 5) return connection.fail(ERRORS.receiveMaximum, 'too many bytes of QoS 2 messages wait for their PUBREL');
  send(connection, NO_MARK, encodeAck(5, PacketType.PUBREC, packetId, ReasonCode.QuotaExceeded));
}

/** Hands an approved message to the router, and retains it. Returns whether somebody subscribes to its topic. */
export function publish({ room }: Connection, session: Session, approved: ApprovedMessage): boolean {
  return publishMessage(room, session.domain, approved, session);
}

/** The message is refused: 3.x cannot be told [MQTT-3.3.5-2], 5.0 is. */
function denied(connection: Connection, session: Session, qos: 0 | 1 | 2, packetId: number, reasonCode: number): void {
  const { version, client } = connection;
  if (qos === 0 || client === null) return;
  const type = qos === 1 ? PacketType.PUBACK : PacketType.PUBREC;
  if (version === 5) return send(connection, NO_MARK, encodeAck(5, type, packetId, reasonCode));
  if (client.standing.chain.denyPublish === 'close') return connection.fail(ERRORS.refused, 'a publish was not allowed');
  // The handshake is finished all the same; what it was about is gone.
  if (qos === 2) session.hold(packetId, null);
  send(connection, NO_MARK, encodeAck(version, type, packetId, 0));
}

/** Nobody could tell whether the message is allowed. It is never acknowledged with success: the client keeps it. */
function faulted(connection: Connection, qos: 1 | 2, packetId: number, detail: string): void {
  const { client, version } = connection;
  if (version === 5 && client?.standing.chain.publishFault === 'refuse') {
    const type = qos === 1 ? PacketType.PUBACK : PacketType.PUBREC;
    return send(connection, NO_MARK, encodeAck(5, type, packetId, ReasonCode.ImplementationSpecificError));
  }
  connection.fail(ERRORS.pluginFault, detail, ReasonCode.ImplementationSpecificError);
}

function succeed(connection: Connection, mark: Mark, type: AckPacket['type'], packetId: number): void {
  connection.acknowledgements.succeed(mark, type, packetId);
  if (connection.acknowledgements.waiting >= connection.room.limits.maxPendingAcknowledgements) connection.hold(null);
}

function send(connection: Connection, mark: Mark, packet: Buffer): void {
  connection.acknowledgements.send(mark, packet);
  if (connection.acknowledgements.waiting >= connection.room.limits.maxPendingAcknowledgements) connection.hold(null);
}

function messageOf(
  connection: Connection,
  buffer: Buffer,
  view: PublishView,
  topic: TopicEntry,
  publisher: string | null,
  publisherClientId: string,
): Message {
  const { propertiesStart, propertiesEnd, payloadStart, end, messageExpirySeconds } = view;
  let properties: Buffer | null = null;
  if (propertiesEnd > propertiesStart) {
    properties = view.forwardable
      ? Buffer.from(buffer.subarray(propertiesStart, propertiesEnd))
      : forwardableProperties(buffer, propertiesStart, propertiesEnd);
    if (properties.length === 0) properties = null;
  }
  return new Message({
    topic: topic.topic,
    topicBytes: topic.bytes,
    payload: Buffer.from(buffer.subarray(payloadStart, end)),
    qos: view.qos as 0 | 1 | 2,
    retain: view.retain,
    properties,
    expiresAt: messageExpirySeconds < 0 ? 0 : connection.now() + messageExpirySeconds * 1000,
    publisherClientId,
    publisher,
  });
}
