import type { WorkerOptions } from 'node:worker_threads';

const MIB = 1024 * 1024;

/** What every thread of a plugin is started with: a heap with a cap, and nothing of the broker's environment, arguments or streams. */
export function threadOptions(heapBytes: number): WorkerOptions {
  return {
    resourceLimits: { maxOldGenerationSizeMb: Math.max(1, Math.floor(heapBytes / MIB)), maxYoungGenerationSizeMb: 16 },
    env: {},
    argv: [],
    execArgv: [],
    stdin: false,
    stdout: true,
    stderr: true,
  };
}
