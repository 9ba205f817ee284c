import { ReasonCode } from '@portcullis/sdk';
import { encodeAck, isValidTopicName, PacketType, type PublishView, readFrame, readPublish, writeAck } from '../codec/index.js';
import { ERRORS, type ErrorKind } from '../errors.js';
import { type GateClient, MAX_RUN, type RunDraft, sameBytes, type TopicEntry } from '../gate/index.js';
import type { Session } from '../session/index.js';
import { NO_MARK } from '../store/index.js';
import type { Connection } from './connection.js';
import { onSinglePublish } from './on-single-publish.js';
import { countPublished, paceRoom } from './pace.js';
import { overReceiveMaximum, receiveRoom } from './receive-maximum.js';
import { prepareInSlices } from './slices.js';

/**
 * Handles the PUBLISH at `start` (its frame has been read), and with it those right behind it that have the same first byte and topic. They
 * are handed on as one range of bytes where nothing about them asks for more. Returns where the next packet begins.
 */
export function onPublish(connection: Connection, buffer: Buffer, start: number, length: number): number {
  const { room, session, client, version } = connection;
  const end = start + length;
  if (session === null || client === null) return end;
  const paced = paceRoom(connection, session);
  if (paced === 0) return start;
  const { view, frame } = room.scratch;
  const code = readPublish(buffer, start, frame.bodyStart, end, version, view, room.limits.maxUserProperties);
  if (code !== 0) {
    connection.fail(publishFault(code), 'a malformed PUBLISH', code);
    return end;
  }
  const topic = resolveTopic(connection, buffer, view, session);
  if (topic === null) return end;
  connection.lastTopic = topic;
  // What was prepared once is not asked about again: it may be out of date already, and everybody's turn comes.
  const preparation = connection.preparation ?? room.router.prepare(session.domain, topic);
  connection.preparation = null;
  if (preparation === null) return publish(connection, session, client, buffer, start, length, topic, paced);
  if (preparation.done)
    return room.router.handOver(session.domain, preparation, () => publish(connection, session, client, buffer, start, length, topic, paced));
  prepareInSlices(connection, preparation);
  return start;
}

/** Handles a PUBLISH that was read, and those behind it that are like it. */
function publish(
  connection: Connection,
  session: Session,
  client: GateClient,
  buffer: Buffer,
  start: number,
  length: number,
  topic: TopicEntry,
  paced: number,
): number {
  const { room } = connection;
  const { view } = room.scratch;
  const end = start + length;
  const plain = view.qos < 2 && !view.retain && !view.dup && view.topicAlias === 0 && view.forwardable;
  // Below a mountpoint the bytes as they came do not carry the whole topic.
  const goesAlone = client.publishAsks || room.gate.tellsPublishes || session.domain.exports !== null || connection.outlet.mount !== null;
  if (!plain || goesAlone) {
    countPublished(connection, session, 1);
    room.stats.messagesReceived += 1;
    onSinglePublish(connection, buffer, view, topic);
    return end;
  }
  const run = room.gate.draft;
  begin(run, connection, session, client, buffer, start, topic, view);
  append(run, room.scratch.packetIds, end, length, view);
  // No more than the client may have outstanding at once: by the time of the next ones these may be acknowledged.
  const most = Math.min(paced, run.qos === 1 ? receiveRoom(connection, session) : MAX_RUN);
  const next = extend(connection, run, buffer, end, most);
  const count = run.last;
  countPublished(connection, session, count);
  room.stats.messagesReceived += count;
  if (run.qos === 1 && overReceiveMaximum(connection, session)) return next;
  publishRun(connection, session, client, count);
  return next;
}

/** The reason code's place among the errors. */
function publishFault(code: number): ErrorKind {
  if (code === 0x94) return ERRORS.topicAlias;
  if (code === 0x90) return ERRORS.topicName;
  return code === 0x82 ? ERRORS.protocol : ERRORS.malformed;
}

/** The topic of a PUBLISH, from its bytes or its alias; null when it has none that is valid, and then the connection has ended. */
function resolveTopic(connection: Connection, buffer: Buffer, view: PublishView, session: Session): TopicEntry | null {
  const { topics } = session.domain;
  const { topicAlias } = view;
  const { mount } = connection.outlet;
  let topic: TopicEntry | null = null;
  if (view.topicStart === view.topicEnd) {
    const known = connection.aliases?.[topicAlias];
    if (topicAlias > connection.room.limits.topicAliasMaximum || known === undefined) {
      connection.fail(ERRORS.topicAlias, 'an unknown topic alias');
      return null;
    }
    topic = known;
  } else {
    // What is judged, routed and remembered is the whole topic.
    const source = mount === null ? buffer : mount.joined(buffer, view.topicStart, view.topicEnd);
    const topicStart = mount === null ? view.topicStart : 0;
    const topicEnd = mount === null ? view.topicEnd : source.length;
    const last = connection.lastTopic;
    const stands = last !== null && (last.epoch === topics.epoch || last.index < 0 || last === connection.preparation?.entry);
    if (stands && sameBytes(last.bytes, source, topicStart, topicEnd)) topic = last;
    else topic = topics.find(source, topicStart, topicEnd);
    if (topic === null) {
      if (!isValidTopicName(source, topicStart, topicEnd, connection.room.limits.maxTopicLevels)) {
        connection.fail(ERRORS.topicName, 'the topic name is not valid');
        return null;
      }
      topic = topics.add(source, topicStart, topicEnd);
    }
  }
  // What was prepared is for this entry, even if its table has been emptied meanwhile: another would have its route made in one go.
  if (topic.epoch !== topics.epoch && topic.index >= 0 && topic !== connection.preparation?.entry) topic = topics.intern(topic.topic);
  if (topicAlias === 0) return topic;
  // [MQTT-3.2.2-17]
  if (topicAlias > connection.room.limits.topicAliasMaximum) {
    connection.fail(ERRORS.topicAlias, 'a topic alias above the maximum');
    return null;
  }
  connection.aliases ??= [];
  connection.aliasBytes += topic.bytes.length - (connection.aliases[topicAlias]?.bytes.length ?? 0);
  if (connection.aliasBytes > connection.room.limits.maxTopicAliasBytes) {
    connection.fail(ERRORS.topicAlias, 'the topics behind the aliases are too large', 0x97);
    return null;
  }
  connection.aliases[topicAlias] = topic;
  return topic;
}

function begin(
  run: RunDraft,
  connection: Connection,
  session: Session,
  client: GateClient,
  buffer: Buffer,
  start: number,
  topic: TopicEntry,
  view: PublishView,
): void {
  run.reset();
  run.buffer = buffer;
  run.start = start;
  run.form = connection.version === 5 ? 5 : 3;
  run.qos = view.qos as 0 | 1;
  run.topic = topic;
  run.publisherClientId = session.clientId;
  run.publisher = client.username;
  run.origin = session;
}

function append(run: RunDraft, packetIds: Uint16Array, end: number, length: number, view: PublishView): void {
  const index = run.last;
  run.ends[index] = end;
  // The length of the property list stands before it and belongs to what is forwarded.
  run.propertiesStarts[index] = view.topicEnd + (view.qos === 0 ? 0 : 2);
  run.payloadStarts[index] = view.payloadStart;
  packetIds[index] = view.packetId;
  if (length > run.maxPacketBytes) run.maxPacketBytes = length;
  run.last = index + 1;
}

/** Adds the packets behind the first that are like it, up to `most` in all. One that is not, or is wrong, is left to be looked at by itself. */
function extend(connection: Connection, run: RunDraft, buffer: Buffer, from: number, most: number): number {
  const { room, version } = connection;
  const { view, frame, packetIds } = room.scratch;
  const { maxPacketBytes, maxUserProperties } = room.limits;
  const first = buffer[run.start];
  const topic = run.entry.bytes;
  let position = from;
  while (run.last < most && position < buffer.length && buffer[position] === first) {
    const length = readFrame(buffer, position, buffer.length, maxPacketBytes, frame);
    if (length <= 0) break;
    if (readPublish(buffer, position, frame.bodyStart, position + length, version, view, maxUserProperties) !== 0) break;
    if (view.topicAlias !== 0 || !view.forwardable || !sameBytes(topic, buffer, view.topicStart, view.topicEnd)) break;
    position += length;
    append(run, packetIds, position, length, view);
  }
  return position;
}

function publishRun(connection: Connection, session: Session, client: GateClient, count: number): void {
  const { room } = connection;
  const { custody, gate } = room;
  const { qos } = gate.draft;
  const run = gate.approve(client);
  if (run === null) return refuseRun(connection, client, count);
  custody.begin();
  const matched = room.router.route(session.domain, run);
  const mark = custody.end();
  if (qos === 0) return;
  if (mark === null) return storeRefused(connection, count);
  acknowledge(connection, count, matched ? ReasonCode.Success : ReasonCode.NoMatchingSubscribers, mark);
}

function acknowledge(connection: Connection, count: number, code: number, mark: typeof NO_MARK): void {
  const { room, out, acknowledgements, version } = connection;
  const { packetIds } = room.scratch;
  const plain = version !== 5 || code === ReasonCode.Success;
  if (plain && mark === NO_MARK && acknowledgements.waiting === 0) {
    const target = out.reserve(count * 4);
    let { offset } = out;
    for (let i = 0; i < count; i += 1) offset = writeAck(target, offset, PacketType.PUBACK, packetIds[i] as number);
    out.commit(offset);
    return;
  }
  for (let i = 0; i < count; i += 1) {
    acknowledgements.send(mark, encodeAck(version, PacketType.PUBACK, packetIds[i] as number, version === 5 ? code : 0));
  }
  if (acknowledgements.waiting >= room.limits.maxPendingAcknowledgements) connection.hold(null);
}

/** The rules do not allow it: 3.x cannot be told [MQTT-3.3.5-2], 5.0 is. */
function refuseRun(connection: Connection, client: GateClient, count: number): void {
  const { room, session } = connection;
  const { draft } = room.gate;
  room.gate.publishDenied(client, draft.entry.topic, draft.qos, false, count);
  if (draft.qos === 0 || session === null) return;
  if (connection.version !== 5 && client.standing.chain.denyPublish === 'close') {
    return connection.fail(ERRORS.refused, 'a publish was not allowed');
  }
  acknowledge(connection, count, ReasonCode.NotAuthorized, NO_MARK);
}

/** The store cannot keep what durable sessions should have got: no success, and the client keeps its messages. */
function storeRefused(connection: Connection, count: number): void {
  if (connection.version !== 5) return connection.fail(ERRORS.store, 'the store cannot take the message');
  acknowledge(connection, count, ReasonCode.QuotaExceeded, NO_MARK);
}
