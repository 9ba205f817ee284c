import { env } from 'node:process';
import { runInProcess } from '@portcullis/sdk/tools';
import { runRedisTool } from './tool.js';

await runInProcess((terminal) => runRedisTool(process.argv.slice(2), terminal, env));
