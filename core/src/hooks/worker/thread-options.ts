import type { WorkerOptions } from 'node:worker_threads';
import { heapEndMiB } from './memory.js';

/** What every thread of a plugin is started with: a heap with an end, and nothing of the broker's environment, arguments or streams. */
export function threadOptions(maxBytes: number): WorkerOptions {
  return {
    resourceLimits: { maxOldGenerationSizeMb: heapEndMiB(maxBytes), maxYoungGenerationSizeMb: 16 },
    env: {},
    argv: [],
    execArgv: [],
    stdin: false,
    stdout: true,
    stderr: true,
  };
}
