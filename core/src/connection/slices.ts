import type { Preparation } from '../router/index.js';
import { type Connection, Phase } from './connection.js';
import type { OutBuffer } from './out-buffer.js';

/** Items that are handled between two looks at the clock. */
const ITEMS_BETWEEN_LOOKS = 16;

/** Stops handling a connection's packets until the others have had their turn; then calls back, unless the connection is over. */
export function rest(connection: Connection, goOn: () => void): void {
  const token = { cancel() {} };
  connection.hold(token);
  connection.room.turns.later(() => {
    // The connection may have ended meanwhile, and only an end takes the token away before its turn.
    if (connection.pending === token && connection.held) goOn();
  });
}

/** Takes the steps that are left of what has to be done before the PUBLISH that a connection has next can be routed, in slices; then it is handled. */
export function prepareInSlices(connection: Connection, preparation: Preparation): void {
  const { turns } = connection.room;
  connection.preparation = preparation;
  const slice = (): void => {
    const until = turns.begin(connection);
    while (!preparation.done) {
      preparation.step();
      if (!preparation.done && turns.over(until)) return rest(connection, slice);
    }
    connection.release();
  };
  rest(connection, slice);
}

/**
 * Writes to many receivers in slices. Each write is a system call, and a thousand of them hold up everybody for milliseconds; whoever caused
 * them is not read again before they are done.
 */
export function writeInSlices(connection: Connection, buffers: readonly OutBuffer[]): void {
  const { turns } = connection.room;
  const token = { cancel() {} };
  if (!connection.held && connection.phase === Phase.OPEN) connection.hold(token);
  let next = 0;
  const slice = (): void => {
    const until = turns.begin(connection);
    while (next < buffers.length) {
      (buffers[next] as OutBuffer).flush();
      next += 1;
      if (turns.over(until)) break;
    }
    if (next < buffers.length) turns.later(slice);
    else if (connection.pending === token) connection.release();
  };
  turns.later(slice);
}

/** Does something for each item of a packet, of which there may be a thousand, in slices; then calls back. Ends early when `step` gives false. */
export function inSlices<Item>(connection: Connection, items: readonly Item[], step: (item: Item) => boolean, done: () => void): void {
  const { turns } = connection.room;
  let next = 0;
  const slice = (): void => {
    const until = turns.begin(connection);
    while (next < items.length) {
      if (!step(items[next] as Item)) return;
      next += 1;
      if (next % ITEMS_BETWEEN_LOOKS === 0 && next < items.length && turns.over(until)) return rest(connection, slice);
    }
    done();
  };
  slice();
}
