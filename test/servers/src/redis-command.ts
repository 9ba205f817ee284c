import { Redis } from 'ioredis';
import type { RedisServer } from './redis.js';

const ANSWER_MS = 5_000;

/** Sends one command over a connection of its own. */
export async function sendCommand(server: RedisServer, args: readonly string[]): Promise<unknown> {
  const { host, port, password, tls } = server;
  const client = new Redis({
    host,
    port,
    protocol: 2,
    lazyConnect: true,
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    connectTimeout: ANSWER_MS,
    commandTimeout: ANSWER_MS,
    ...(password === '' ? {} : { password }),
    // It is our own server, and its certificate may well be a wrong one on purpose.
    ...(tls === null ? {} : { tls: { cert: tls.cert, key: tls.key, rejectUnauthorized: false } }),
  });
  client.on('error', () => {});
  try {
    await client.connect();
    const [name = '', ...rest] = args;
    return await client.call(name, ...rest);
  } finally {
    client.disconnect();
  }
}
