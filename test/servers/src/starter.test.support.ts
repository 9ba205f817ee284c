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

const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
const roots = [postgres.pid ?? 0, redis.pid ?? 0];
const started: Started = { pids: [...roots, ...roots.flatMap(descendantsOf)], folders: [dirname(postgres.dataFolder), redis.folder] };
if (process.argv.includes('frozen')) for (const server of [postgres, redis]) server.freeze();
process.stdout.write(`${JSON.stringify(started)}\n`);
if (!process.argv.includes('leave')) setInterval(() => {}, 60_000);
