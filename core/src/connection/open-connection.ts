import { Connection } from './connection.js';
import { dispatch } from './dispatch.js';
import { readPackets } from './read-packets.js';
import type { ConnectionRoom } from './room.js';
import type { Transport } from './transport.js';

/** A connection for a socket that was accepted, with the handlers of all packets. */
export function openConnection(room: ConnectionRoom, transport: Transport, chain: string): Connection {
  return new Connection(room, transport, chain, readAndDispatch);
}

// One for all connections: a closure for each would cost memory.
function readAndDispatch(connection: Connection, buffer: Buffer): number {
  return readPackets(connection, buffer, dispatch);
}
