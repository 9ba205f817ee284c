import { runInProcess } from '@portcullis/sdk/tools';
import { runPasswdTool } from './passwd-tool.js';

await runInProcess((terminal) => runPasswdTool(process.argv.slice(2), terminal));
