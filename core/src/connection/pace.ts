import type { Session } from '../session/index.js';
import { type Connection, Phase } from './connection.js';

/** More than are ever handled at once; a small integer, as it is looked at for every message. */
const UNBOUNDED = 0x3fff_ffff;

/**
 * How many messages the client's tenant may publish at this moment. With 0 the connection has been stopped until there is room: its packets stay
 * where they are, so that a tenant that publishes too much is slowed down and loses nothing.
 */
export function paceRoom(connection: Connection, session: Session): number {
  const { pace } = session.domain.quota;
  if (pace === null) return UNBOUNDED;
  const room = pace.room(connection.now());
  if (room > 0) return room;
  const { stats, wheel } = connection.room;
  stats.publishesDelayed += 1;
  const token = { cancel() {} };
  connection.hold(token);
  pace.wait(wheel, () => {
    // It may have ended meanwhile; then its turn is the next one's.
    const waits = connection.pending === token && connection.held && connection.phase !== Phase.CLOSED;
    if (waits) connection.release();
    return waits;
  });
  return 0;
}

/** Counts messages that the client's tenant has published. */
export function countPublished(connection: Connection, session: Session, messages: number): void {
  session.domain.quota.pace?.take(messages, connection.now());
}
