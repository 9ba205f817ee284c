import type { Job, RunResult } from '../load.js';
import { runConnect, runIdle } from './connect.js';
import { runPubSub } from './pubsub.js';
import { runRetained } from './retained.js';

/** Puts one load on a broker that is listening; resolves when every client is gone again. */
export function runJob(job: Job): Promise<RunResult> {
  const { load } = job;
  switch (load.kind) {
    case 'pubsub':
      return runPubSub(job, load);
    case 'connect':
      return runConnect(job, load);
    case 'retained':
      return runRetained(job, load);
    case 'idle':
      return runIdle(job, load);
  }
}
