import { Frame, PublishView } from '../codec/index.js';
import type { SessionRegistry, SessionRoom } from '../session/index.js';
import type { Descriptors } from './descriptors.js';
import type { Flusher } from './out-buffer.js';
import type { Strangers } from './strangers.js';
import type { Unsent } from './unsent.js';

/** What all connections share. */
export interface ConnectionRoom extends SessionRoom {
  readonly registry: SessionRegistry;
  readonly flusher: Flusher;
  readonly scratch: Scratch;
  readonly strangers: Strangers;
  readonly descriptors: Descriptors;
  readonly unsent: Unsent;
  /** Called when a connection is over, whatever it was. */
  forget(connection: object): void;
}

/** Values that are filled anew for each packet: one set for all connections, since only one packet is handled at a time. */
export class Scratch {
  readonly frame = new Frame();
  readonly view = new PublishView();
  readonly packetIds = new Uint16Array(512);
}
