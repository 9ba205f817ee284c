import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';

import { join } from 'node:path';
import { temporaryFolder } from './temporary.js';

/** Where programs are kept that had to be copied or unpacked: one folder for each user, below the temporary folder. */
export function cacheFolder(): string {
  const uid = process.getuid?.() ?? 0;
  const folder = join(temporaryFolder(), `portcullis-test-servers-${uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const facts = lstatSync(folder);
  // In a folder that everybody may write to, somebody else may have been faster, with programs of his own.
  const foreign = process.getuid !== undefined && (facts.uid !== uid || (facts.mode & 0o022) !== 0);
  if (!facts.isDirectory() || foreign) throw new Error(`${folder} belongs to somebody else or can be written by others: remove it, or set TMPDIR`);
  return folder;
}

/**
 * A folder of the cache, made once. Several processes may come at the same time: each makes its own and the first to be ready
 * counts. One that is there but no longer good (cleaners of temporary folders take single files) is made again.
 */
export function cached(cache: string, name: string, isGood: (folder: string) => boolean, make: (folder: string, work: string) => void): string {
  const final = join(cache, name);
  if (existsSync(final) && isGood(final)) return final;
  const work = mkdtempSync(join(cache, 'work-'));
  // The user without rights must be able to try what is in it.
  chmodSync(work, 0o755);
  try {
    const made = join(work, 'made');
    mkdirSync(made);
    make(made, work);
    if (!isGood(made)) throw new Error(`the programs in ${name} do not run on this machine`);
    if (existsSync(final) && !isGood(final)) renameSync(final, join(work, 'bad'));
    try {
      renameSync(made, final);
    } catch (error) {
      if (!existsSync(final) || !isGood(final)) throw error;
    }
    return final;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
