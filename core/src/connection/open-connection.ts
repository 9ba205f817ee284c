import { Connection } from './connection.js';
import { dispatch } from './dispatch.js';
import { readPackets } from './read-packets.js';
import type { ConnectionRoom } from './room.js';
import type { Transport } from './transport.js';

/** A connection for a socket that was accepted, with the handlers of all packets. */
export function openConnection(room: ConnectionRoom, transport: Transport, chain: string): Connection {
  return new Connection(room, transport, chain, (connection, buffer) => readPackets(connection, buffer, dispatch));
}
