import { stderr, stdin, stdout } from 'node:process';
import { PipedSecrets, readHidden } from '../passwords/index.js';

/** The surroundings of a command-line tool. */
export interface ToolTerminal {
  /** Writes to standard output. */
  out(text: string): void;
  /** Writes to standard error. */
  error(text: string): void;
  /** Asks for a line that is not shown; null when there is none. */
  secret(prompt: string): Promise<Buffer | null>;
}

/** Runs a tool in the terminal, or the pipes, of this process, and makes what it gives the exit status. */
export async function runInProcess(run: (terminal: ToolTerminal) => Promise<number>): Promise<void> {
  const piped = stdin.isTTY ? null : new PipedSecrets(stdin);
  process.exitCode = await run({
    out: (text) => stdout.write(text),
    error: (text) => stderr.write(text),
    async secret(prompt) {
      if (piped !== null) return piped.next();
      stderr.write(prompt);
      const line = await readHidden(stdin);
      stderr.write('\n');
      return line;
    },
  });
  // A pipe whose other end stays open would keep the process waiting.
  stdin.destroy();
}
