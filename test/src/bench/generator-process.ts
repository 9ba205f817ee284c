import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { fail, noCounts } from './generator/verdict.js';
import type { Job, RunResult } from './load.js';
import { forgetGroup, keepGroup, signalGroup } from './running.js';

const GENERATOR = fileURLToPath(new URL('./generator/generator.js', import.meta.url));
/** Beyond the job's own deadline, for closing what it opened. */
const GRACE_SECONDS = 30;

interface Reply {
  readonly result?: RunResult;
  readonly error?: string;
}

/** Runs a job in a process of its own, whose processor time does not count as the broker's, nor slows whoever watches. */
export function runInProcess(job: Job): Promise<RunResult> {
  const child = fork(GENERATOR, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], detached: process.platform !== 'win32', execArgv: [] });
  keepGroup(child);
  return new Promise((resolve) => {
    const limit = setTimeout(() => finish(broken('the generator did not come to an end')), (job.deadlineSeconds + GRACE_SECONDS) * 1000);
    const finish = (result: RunResult): void => {
      clearTimeout(limit);
      forgetGroup(child);
      signalGroup(child, 'SIGKILL');
      resolve(result);
    };
    child.once('message', ({ result, error }: Reply) => finish(result ?? broken(error ?? 'the generator gave no result')));
    child.once('error', (error) => finish(broken(error.message)));
    child.once('exit', (code, signal) => finish(broken(`the generator ended (${code ?? signal})`)));
    child.send(job);
  });
}

/** A run of which nothing can be said but that it failed. */
export function broken(reason: string): RunResult {
  const counts = noCounts();
  fail(counts, reason);
  return { measurements: [], counts, verified: 0 };
}
