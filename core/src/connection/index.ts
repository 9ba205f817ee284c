export { Arrival, Arrivals, arrivalOf, describe, type Holder, type Neighbours } from './arrivals.js';
export type { Connection } from './connection.js';
export { Descriptors } from './descriptors.js';
export { publishApproved } from './on-single-publish.js';
export { openConnection } from './open-connection.js';
export { Flusher } from './out-buffer.js';
export { type ConnectionRoom, Scratch } from './room.js';
export type { Transport } from './transport.js';
export { Unsent } from './unsent.js';
