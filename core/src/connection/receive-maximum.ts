import { ERRORS } from '../errors.js';
import { MAX_RUN } from '../gate/index.js';
import type { Session } from '../session/index.js';
import type { Connection } from './connection.js';

/** [MQTT-3.3.4-7] One message more than the broker said it would hold: the connection ends. */
export function overReceiveMaximum(connection: Connection, session: Session): boolean {
  if (receiveRoom(connection, session) > 0) return false;
  connection.fail(ERRORS.receiveMaximum, 'more unacknowledged messages than the receive maximum');
  return true;
}

/** How many messages above QoS 0 the broker holds beyond those that it has: not those that were acknowledged in this very turn. */
export function receiveRoom({ version, room, acknowledgements }: Connection, session: Session): number {
  // 3.x clients cannot be told of it, and some send thousands at once: they are bounded by the bytes that a session may hold.
  if (version !== 5) return MAX_RUN;
  return Math.min(MAX_RUN, room.limits.receiveMaximum - session.received.size - acknowledgements.waiting);
}
