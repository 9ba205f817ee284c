import { FRAME_TOO_LONG, PacketType, readFrame } from '../codec/index.js';
import { ERRORS } from '../errors.js';
import { type Connection, Phase } from './connection.js';
import { onPublish } from './on-publish.js';
import { rest, writeInSlices } from './slices.js';

/** Reads of up to so many bytes hold too few packets to take long. */
const SHORT_READ_BYTES = 64;

/** What so short a read causes is written at once when others wait for their turn. */
const PROMPT_READ_BYTES = 1024;

/** Behind a read of so many bytes there may be another. */
const LONG_READ_BYTES = 16_384;

/** Packets that are handled between two looks at the clock, unless the router had to do more than look something up. */
const STEPS_BETWEEN_LOOKS = 16;

/** What one read brought goes to so many in one go. */
const MANY_RECEIVERS = 64;

/** Handles one whole packet that is not a PUBLISH. */
export type Dispatch = (connection: Connection, buffer: Buffer, start: number, bodyStart: number, end: number) => void;

/** Handles the packets in a buffer, in order, as far as they are whole and may be handled. Returns how far it came. */
export function readPackets(connection: Connection, buffer: Buffer, dispatch: Dispatch): number {
  const { flusher, turns } = connection.room;
  const { filled } = flusher;
  const position = handlePackets(connection, buffer, dispatch);
  if (flusher.filled - filled > MANY_RECEIVERS) writeInSlices(connection, flusher.take(filled));
  // Those who wait are served before the end of this turn: a message of one who is not among them would wait for their slice, too.
  else if (turns.crowded && buffer.length <= PROMPT_READ_BYTES) flusher.flush();
  return position;
}

function handlePackets(connection: Connection, buffer: Buffer, dispatch: Dispatch): number {
  const { room } = connection;
  const { frame } = room.scratch;
  const end = buffer.length;
  let position = 0;
  let steps = 0;
  let work = room.router.work;
  connection.needed = 0;
  const until = end > SHORT_READ_BYTES ? room.turns.begin(connection) : Number.POSITIVE_INFINITY;
  while (position < end) {
    if (connection.held || connection.phase === Phase.CLOSED || connection.phase === Phase.ADMITTING) return position;
    const type = (buffer[position] as number) >> 4;
    const open = connection.phase === Phase.OPEN;
    // [MQTT-3.1.0-1] Anything but a CONNECT is refused at its first byte, before its body comes.
    if (connection.phase === Phase.NEW && type !== PacketType.CONNECT) {
      connection.fail(ERRORS.protocol, 'the first packet is no CONNECT');
      return end;
    }
    const length = readFrame(buffer, position, end, open ? room.limits.maxPacketBytes : room.limits.preAuthBytes, frame);
    if (length <= 0) {
      if (length === 0) {
        connection.needed = frame.end === 0 ? 0 : frame.end - position;
        break;
      }
      if (length === FRAME_TOO_LONG) connection.fail(ERRORS.tooLarge, 'the packet is larger than allowed');
      else connection.fail(ERRORS.malformed, 'the remaining length is malformed');
      return end;
    }
    if (type === PacketType.PUBLISH && open) position = onPublish(connection, buffer, position, length);
    else if (type === PacketType.PUBLISH) connection.fail(ERRORS.protocol, 'PUBLISH in the middle of an authentication');
    else {
      dispatch(connection, buffer, position, frame.bodyStart, position + length);
      position += length;
      if (connection.acknowledgements.waiting >= room.limits.maxPendingAcknowledgements) connection.hold(connection.pending);
    }
    steps += 1;
    // 64 KiB may hold what takes a second.
    if (position >= end || (steps % STEPS_BETWEEN_LOOKS !== 0 && room.router.work === work)) continue;
    work = room.router.work;
    if (room.turns.over(until)) yieldTurn(connection);
  }
  // A socket that always has more is read many times in one turn.
  if (steps > 0 && end > LONG_READ_BYTES && room.turns.over(until)) yieldTurn(connection);
  return position;
}

/** Lets others have their turn, unless the connection is stopped already. */
function yieldTurn(connection: Connection): void {
  if (!connection.held && connection.phase === Phase.OPEN) rest(connection, () => connection.release());
}
