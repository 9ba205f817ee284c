import { ReasonCode } from '@portcullis/sdk';
import { encodeUnsuback, type UnsubscribePacket } from '../codec/index.js';
import { ERRORS } from '../errors.js';
import type { Session } from '../session/index.js';
import { NO_MARK } from '../store/index.js';
import type { Connection } from './connection.js';
import { inSlices } from './slices.js';

/** Removes subscriptions. Never refused: losing access must always be possible. */
export function onUnsubscribe(connection: Connection, packet: UnsubscribePacket): void {
  const { session, room } = connection;
  if (session === null) return;
  const codes: number[] = [];
  let mark = NO_MARK;
  const { mount } = connection.outlet;
  const remove = (sent: string): boolean => {
    const filter = mount === null ? sent : mount.filter(sent);
    if (connection.session !== session || session.outlet !== connection.outlet) return false;
    room.custody.begin();
    codes.push(unsubscribe(connection, session, filter));
    const removed = room.custody.end();
    // A store that cannot take the change: it holds for this connection, and nothing is promised beyond it.
    if (removed === null) connection.end(ReasonCode.ImplementationSpecificError, 'the store cannot take the change');
    else if (removed !== NO_MARK) mark = removed;
    return removed !== null;
  };
  inSlices(connection, packet.filters, remove, () => {
    const unsuback = encodeUnsuback(connection.version, packet.packetId, codes);
    if (!connection.takes(unsuback.length)) return connection.fail(ERRORS.tooLarge, 'the client does not take an UNSUBACK of this size');
    connection.acknowledgements.send(mark, unsuback);
    connection.release();
  });
}

function unsubscribe({ room }: Connection, session: Session, filter: string): number {
  const subscription = session.unsubscribe(filter);
  if (subscription === null) return ReasonCode.NoSubscriptionExisted;
  if (room.gate.hears('unsubscribed')) {
    const { clientId, tenant, client } = session;
    room.gate.tell('unsubscribed', { clientId, tenant, owner: client.username, filter, qos: subscription.qos });
  }
  return ReasonCode.Success;
}
