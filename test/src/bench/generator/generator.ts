// The generator's process: takes one job over the channel to the process that started it, answers with the result, and ends.
import type { Job } from '../load.js';
import { runJob } from './run-job.js';

// Whoever started this is gone, without having ended the broker.
process.on('disconnect', () => process.exit(1));
// The one who started this hears Ctrl-C too, and ends it.
process.on('SIGINT', () => {});
process.once('message', (job: Job) => {
  runJob(job).then(
    (result) => process.send?.({ result }, () => process.exit(0)),
    (error: unknown) => process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }, () => process.exit(1)),
  );
});
