import { FRAME_TOO_LONG, PacketType, readFrame } from '../codec/index.js';
import { ERRORS } from '../errors.js';
import { type Connection, Phase } from './connection.js';
import { onPublish } from './on-publish.js';

/** Handles one whole packet that is not a PUBLISH. */
export type Dispatch = (connection: Connection, buffer: Buffer, start: number, bodyStart: number, end: number) => void;

/** Handles the packets in a buffer, in order, as far as they are whole and may be handled. Returns how far it came. */
export function readPackets(connection: Connection, buffer: Buffer, dispatch: Dispatch): number {
  const { room } = connection;
  const { frame } = room.scratch;
  const end = buffer.length;
  let position = 0;
  connection.needed = 0;
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
        return position;
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
  }
  return position;
}
