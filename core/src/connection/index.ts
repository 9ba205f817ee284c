export type { Connection } from './connection.js';
export { publishApproved } from './on-single-publish.js';
export { openConnection } from './open-connection.js';
export { Flusher } from './out-buffer.js';
export { type ConnectionRoom, Scratch } from './room.js';
export { releaseSlab } from './slabs.js';
export type { Transport } from './transport.js';
