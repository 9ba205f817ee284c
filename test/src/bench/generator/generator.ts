// The generator's process: takes one job over the channel to the process that started it, answers with the result, and ends.
import type { Job } from '../load.js';
import { runJob } from './run-job.js';

let brokerPid: number | null = null;
// Whoever started this was killed and could not end the broker, which leads a group of its own.
process.on('disconnect', () => {
  try {
    if (brokerPid !== null && process.platform !== 'win32') process.kill(-brokerPid, 'SIGKILL');
  } finally {
    process.exit(1);
  }
});
// The one who started this hears Ctrl-C too, and ends it.
process.on('SIGINT', () => {});
process.once('message', (job: Job) => {
  brokerPid = job.brokerPid;
  runJob(job).then(
    (result) => process.send?.({ result }, () => process.exit(0)),
    (error: unknown) => process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }, () => process.exit(1)),
  );
});
