import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below the range from which systems take the ports of outgoing connections: a port out of that range may be a client's when
 * its server wants to start again, and a client that calls a dead server there may get through to itself. 10000 above is the
 * port on which a node of a Redis cluster talks to the others; it too stays below that range.
 */
const FIRST = 12_000;
const LAST = 21_999;
const ATTEMPTS = 100;

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** A port on 127.0.0.1 that is free now, and so are those `above` it by so many. */
export async function freePort(above: readonly number[] = []): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = randomInt(FIRST, LAST + 1);
    const free = await Promise.all([0, ...above].map((distance) => isFree(port + distance)));
    if (!free.includes(false)) return port;
  }
  throw new Error(`none of ${ATTEMPTS} ports between ${FIRST} and ${LAST} is free on 127.0.0.1`);
}
