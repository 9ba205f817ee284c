import { ReasonCode } from '@portcullis/sdk';
import { encodeUnsuback, type UnsubscribePacket } from '../codec/index.js';
import { ERRORS } from '../errors.js';
import type { Connection } from './connection.js';

/** Removes subscriptions. Never refused: losing access must always be possible. */
export function onUnsubscribe(connection: Connection, packet: UnsubscribePacket): void {
  const { session, room } = connection;
  if (session === null) return;
  room.custody.begin();
  const codes = packet.filters.map((filter) => {
    const subscription = session.unsubscribe(filter);
    if (subscription === null) return ReasonCode.NoSubscriptionExisted;
    if (room.gate.hears('unsubscribed')) {
      const { clientId, tenant, client } = session;
      room.gate.tell('unsubscribed', { clientId, tenant, owner: client.username, filter, qos: subscription.qos });
    }
    return ReasonCode.Success;
  });
  const mark = room.custody.end();
  // A store that cannot take the change: it holds for this connection, and nothing is promised beyond it.
  if (mark === null) return connection.end(ReasonCode.ImplementationSpecificError, 'the store cannot take the change');
  const unsuback = encodeUnsuback(connection.version, packet.packetId, codes);
  if (!connection.takes(unsuback.length)) return connection.fail(ERRORS.tooLarge, 'the client does not take an UNSUBACK of this size');
  connection.acknowledgements.send(mark, unsuback);
}
