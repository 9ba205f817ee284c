import { type Connection, Phase } from './connection.js';

/**
 * What a client came in by no longer holds: it has to go, whatever it is in the middle of. `forGood`: nothing is published in its name any more,
 * its will included.
 */
export function dismiss(connection: Connection, reasonCode: number, detail: string, forGood: boolean): void {
  const { phase, client } = connection;
  if (forGood && client !== null) client.barred = true;
  // It has had no CONNACK, so it gets one.
  if (phase === Phase.ADMITTING || phase === Phase.CHALLENGED) connection.refuse(reasonCode);
  else connection.end(reasonCode, detail);
}
