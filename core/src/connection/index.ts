export type { Connection } from './connection.js';
export { Descriptors } from './descriptors.js';
export { openConnection } from './open-connection.js';
export { Flusher } from './out-buffer.js';
export { type ConnectionRoom, Scratch } from './room.js';
export { releaseSlab } from './slabs.js';
export { describe, type Holder, type Neighbours, Stranger, Strangers, strangerOf } from './strangers.js';
export type { Transport } from './transport.js';
export { Unsent } from './unsent.js';
