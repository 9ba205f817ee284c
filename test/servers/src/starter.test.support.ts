/** A process that starts servers, says which processes and folders they are, and lives until it is ended. */
import { dirname } from 'node:path';
import { startPostgres } from './postgres.js';
import { descendantsOf } from './process-tree.js';
import { startRedis } from './redis.js';

/** What the process says in one line. */
export interface Started {
  readonly pids: readonly number[];
  readonly folders: readonly string[];
}

const has = (word: string): boolean => process.argv.includes(word);
const postgres = has('postgres') ? await startPostgres() : null;
const redis = has('redis') ? await startRedis() : null;
const servers = [postgres, redis].filter((server) => server !== null);
const roots = servers.map((server) => server.pid ?? 0);
const folders = [postgres === null ? [] : dirname(postgres.dataFolder), redis === null ? [] : redis.folder].flat();
const started: Started = { pids: [...roots, ...roots.flatMap(descendantsOf)], folders };
if (has('frozen')) for (const server of servers) server.freeze();
process.stdout.write(`${JSON.stringify(started)}\n`);
if (!has('leave')) setInterval(() => {}, 60_000);
