import type { ConnectionInfo } from '@portcullis/sdk';
import { openConnection } from '../connection/index.js';
import { errorText } from '../errors.js';
import type { Doorkeeper } from './doorkeeper.js';
import type { InForce, ListenerRoom } from './listener.js';
import type { RawHandle, RawSockets } from './raw-handle.js';
import { RawRoom, RawTransport } from './raw-transport.js';

/** Where the handles that a listener accepted become connections, if the doorkeeper lets them. */
export class RawDoor {
  /** Whether each socket has to be told not to hold small packets back. */
  setsNoDelay = true;
  readonly #room: ListenerRoom;
  readonly #inForce: InForce;
  readonly #doorkeeper: Doorkeeper;
  readonly #rawRoom: RawRoom;
  /** Filled anew for each. */
  readonly #peer: { address: string | undefined; port: number | undefined } = { address: undefined, port: undefined };

  constructor(room: ListenerRoom, inForce: InForce, doorkeeper: Doorkeeper, sockets: RawSockets) {
    this.#room = room;
    this.#inForce = inForce;
    this.#doorkeeper = doorkeeper;
    this.#rawRoom = new RawRoom(sockets, room.connections.wheel, room.connections.stats);
  }

  /** Never throws: it is called by Node itself, where nobody would catch it. */
  take(handle: RawHandle): void {
    let info: ConnectionInfo | null = null;
    try {
      const peer = this.#peer;
      peer.address = undefined;
      handle.getpeername(peer);
      info = this.#doorkeeper.admit('tcp', peer.address, peer.port);
      if (info === null) return handle.close();
      if (this.setsNoDelay) handle.setNoDelay(true);
      this.#open(handle, info);
    } catch (error) {
      this.#room.connections.log.error({ listener: this.#inForce.options.name, cause: errorText(error) }, 'a connection could not be taken');
      if (info !== null) this.#doorkeeper.left(info);
      handle.close();
    }
  }

  #open(handle: RawHandle, info: ConnectionInfo): void {
    let gone: (() => void) | null = null;
    const transport = new RawTransport(this.#rawRoom, handle, info, () => {
      this.#doorkeeper.left(info);
      gone?.();
    });
    const connection = openConnection(this.#room.connections, transport, this.#inForce.options.chain);
    gone = this.#room.opened(connection);
    transport.start(connection);
  }
}
