import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The command as it stands in the repository. */
export const POSTGRES_TOOL = fileURLToPath(new URL('../../../plugins/postgres/bin/portcullis-postgres.js', import.meta.url));

/** Runs `portcullis-postgres`; rejects when it does not do what it was told. */
export function postgresTool(url: string, ...args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [POSTGRES_TOOL, ...args], {
      env: { ...process.env, PORTCULLIS_POSTGRES_URL: url },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`portcullis-postgres ${args.join(' ')} ended with ${code}`))));
  });
}
