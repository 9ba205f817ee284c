import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import pg from 'pg';
import { startPostgres } from './postgres.js';
import { type RedisServer, startRedis } from './redis.js';

export const POSTGRES_URL = 'PORTCULLIS_TEST_POSTGRES_URL';
export const REDIS_URL = 'PORTCULLIS_TEST_REDIS_URL';

/** A claim on a database of Redis ends by itself, should nobody be left to end it. */
const CLAIM_SECONDS = 7_200;
const CLAIM = 'portcullis-tests:database:';
const ANSWER_MS = 10_000;

/** Enough for every test file at once; a database number costs a Redis next to nothing. */
const CONNECTIONS = '200';
const DATABASES = '256';

let ownPostgres: Promise<string> | null = null;

async function postgresUrl(): Promise<string> {
  const given = process.env[POSTGRES_URL];
  if (given !== undefined && given !== '') return given;
  ownPostgres ??= startPostgres().then((server) => server.url());
  return await ownPostgres;
}

async function administer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: ANSWER_MS });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query(statement);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`The PostgreSQL server for tests (${POSTGRES_URL}, if it is set) did not do ${JSON.stringify(statement)}: ${why}`);
  } finally {
    await client.end();
  }
}

/** A new, empty database on the server that all test files share; `drop` removes it, whoever is connected. */
export async function freshDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const server = await postgresUrl();
  const name = `portcullis_test_${randomBytes(8).toString('hex')}`;
  await administer(server, `CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => administer(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

/** A connection, and what was heard of it last: ioredis rejects calls with less than that. */
function connect(url: string): { client: Redis; trouble: () => string | undefined } {
  const client = new Redis(url, {
    protocol: 2,
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    connectTimeout: ANSWER_MS,
    commandTimeout: ANSWER_MS,
  });
  let trouble: string | undefined;
  client.on('error', (error: Error) => {
    trouble = error.message;
  });
  return { client, trouble: () => trouble };
}

/** Claims one database number that is empty and that no other test file has. */
async function claim(client: Redis): Promise<number> {
  const [, count = '16'] = (await client.config('GET', 'databases')) as string[];
  for (let number = 1; number < Number(count); number++) {
    await client.select(0);
    if ((await client.set(CLAIM + number, process.pid, 'EX', CLAIM_SECONDS, 'NX')) !== 'OK') continue;
    await client.select(number);
    if ((await client.dbsize()) === 0) return number;
    // Somebody's data: not ours to remove. The claim goes back.
    await client.select(0);
    await client.del(CLAIM + number);
  }
  throw new Error(`the Redis server for tests (${REDIS_URL}) has no empty database left among its ${count}`);
}

async function release(server: string, number: number): Promise<void> {
  const { client } = connect(server);
  try {
    await client.connect();
    await client.select(number);
    await client.flushdb();
    await client.select(0);
    await client.del(CLAIM + number);
  } finally {
    client.disconnect();
  }
}

/**
 * An empty database of Redis: on the server that all test files share one number of it, without that variable a server of its
 * own. Channels are not divided by numbers: name them after something of your own, or use `startRedis`.
 */
export async function freshRedis(): Promise<{ url: string; release(): Promise<void> }> {
  const shared = process.env[REDIS_URL];
  if (shared === undefined || shared === '') {
    const own: RedisServer = await startRedis();
    return { url: own.url(), release: () => own.dispose() };
  }
  const { client, trouble } = connect(shared);
  try {
    await client.connect();
    const number = await claim(client);
    const url = new URL(shared);
    url.pathname = `/${number}`;
    return { url: url.href, release: () => release(shared, number) };
  } catch (error) {
    const why = trouble() ?? (error instanceof Error ? error.message : String(error));
    throw new Error(`The Redis server for tests (${REDIS_URL}) gave no empty database: ${why}`);
  } finally {
    client.disconnect();
  }
}

/** What a run of test files needs. */
export interface Needs {
  readonly postgres: boolean;
  readonly redis: boolean;
}

/**
 * Starts the servers that all test files of a run share, except those that the environment names; these are tried. Gives the
 * variables for the test files. Rejects with a message that says what to do when a server cannot be had.
 */
export async function startShared(needs: Needs): Promise<{ env: Record<string, string>; dispose(): Promise<void> }> {
  const env: Record<string, string> = {};
  const disposals: (() => Promise<void>)[] = [];
  const isGiven = (name: string): boolean => (process.env[name] ?? '') !== '';
  const dispose = async (): Promise<void> => {
    await Promise.all(disposals.map((one) => one()));
  };
  try {
    if (needs.postgres && isGiven(POSTGRES_URL)) await (await freshDatabase()).drop();
    if (needs.redis && isGiven(REDIS_URL)) await (await freshRedis()).release();
    if (needs.postgres && !isGiven(POSTGRES_URL)) {
      const server = await startPostgres({ settings: { max_connections: CONNECTIONS } });
      disposals.push(() => server.dispose());
      env[POSTGRES_URL] = server.url();
    }
    if (needs.redis && !isGiven(REDIS_URL)) {
      const server = await startRedis({ config: { databases: DATABASES } });
      disposals.push(() => server.dispose());
      env[REDIS_URL] = server.url();
    }
    return { env, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
