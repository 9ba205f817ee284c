import { env } from 'node:process';
import { runInProcess } from '@portcullis/sdk/tools';
import { runPostgresTool } from './postgres-tool.js';

await runInProcess((terminal) => runPostgresTool(process.argv.slice(2), env, terminal));
