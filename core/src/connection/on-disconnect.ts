import type { DisconnectPacket } from '../codec/index.js';
import { ERRORS } from '../errors.js';
import type { Connection } from './connection.js';

/** The client leaves. */
export function onDisconnect(connection: Connection, packet: DisconnectPacket): void {
  const { session, room } = connection;
  const { sessionExpirySeconds } = packet;
  if (sessionExpirySeconds !== null && session !== null) {
    // 5.0 section 3.14.2.2.2: a session that was to end with the connection cannot be kept by its last packet.
    if (sessionExpirySeconds > 0 && session.expirySeconds === 0)
      return connection.fail(ERRORS.protocol, 'DISCONNECT raises the session expiry from 0');
    connection.newExpirySeconds = Math.min(sessionExpirySeconds, room.gate.sessionRules.maxExpirySeconds);
  }
  // [MQTT-3.14.4-3] Only success takes the will away.
  if (packet.reasonCode === 0) connection.publishWill = false;
  connection.goodbye();
}
