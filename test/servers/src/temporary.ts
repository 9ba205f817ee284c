import { statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, resolve } from 'node:path';

const COMMON = '/tmp';

function isOpen(folder: string): boolean {
  const isEnterable = (statSync(folder).mode & 0o001) !== 0;
  return isEnterable && (dirname(folder) === folder || isOpen(dirname(folder)));
}

/**
 * The temporary folder, in which everything of ours lies. Root's own may be closed to everybody else, and so to the user as whom
 * root runs PostgreSQL: then it is the common one.
 */
export function temporaryFolder(): string {
  const folder = resolve(tmpdir());
  return process.getuid?.() === 0 && !isOpen(folder) ? COMMON : folder;
}
