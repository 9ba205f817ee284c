import { ERRORS } from '../errors.js';
import type { Session } from '../session/index.js';
import type { Connection } from './connection.js';

/** [MQTT-3.3.4-7] More than the broker said it would hold: the connection ends. */
export function overReceiveMaximum(connection: Connection, session: Session, adding: number): boolean {
  // 3.x clients cannot be told of it, and some send thousands at once: they are bounded by the bytes that a session may hold.
  if (connection.version !== 5) return false;
  const { room, acknowledgements } = connection;
  const held = session.received.size + acknowledgements.waiting;
  // Acknowledged in this turn, so never held: only what is outstanding counts.
  if (held === 0 || held + adding <= room.limits.receiveMaximum) return false;
  connection.fail(ERRORS.receiveMaximum, 'more unacknowledged messages than the receive maximum');
  return true;
}
