import { run } from './run.js';

// "portcullis schema | head" closes the pipe early; that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
// Whoever read the log is gone, or its disk is full: the broker goes on without. Uncaught, each failure would be logged, and fail again.
process.stderr.on('error', () => {});

const status = await run(
  process.argv.slice(2),
  {
    env: process.env,
    print: (line) => process.stdout.write(`${line}\n`),
    complain: (line) => process.stderr.write(`${line}\n`),
  },
  // Only "serve" needs the broker: "check" and "schema" stay quick, and work where the broker cannot run.
  async (options) => (await import('./serve.js')).serve(options),
);
// A plugin that was only loaded may hold a timer or a socket open; the command is over all the same.
process.exit(status);
