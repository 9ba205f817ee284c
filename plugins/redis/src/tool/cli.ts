import { stderr, stdin, stdout } from 'node:process';
import { PipedSecrets, readHidden } from '@portcullis/sdk/passwords';
import { runRedisTool } from './tool.js';

const piped = stdin.isTTY ? null : new PipedSecrets(stdin);

process.exitCode = await runRedisTool(
  process.argv.slice(2),
  {
    out: (text) => stdout.write(text),
    error: (text) => stderr.write(text),
    async secret(prompt) {
      if (piped !== null) return piped.next();
      stderr.write(prompt);
      const line = await readHidden(stdin);
      stderr.write('\n');
      return line;
    },
  },
  process.env,
);
// A pipe whose other end stays open would keep the process waiting.
stdin.destroy();
