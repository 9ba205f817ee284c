import { chownSync, constants, copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { unprivileged } from './server-process.js';

/** Gives a file or folder to the user as whom servers run. */
export function own(path: string): void {
  const { uid, gid } = unprivileged();
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
}

/** Writes a file for that user's eyes only. */
export function writeOwned(path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o600 });
  own(path);
}

/** Makes a folder that only that user may enter, as PostgreSQL demands. */
export function makeOwned(path: string): void {
  mkdirSync(path, { mode: 0o700, recursive: true });
  own(path);
}

/** Copies what is in a folder into one that is there. Of entries of the top that `leftOut` names, files are left out and folders emptied. */
export function copyOwned(from: string, to: string, leftOut: ReadonlySet<string> = new Set()): void {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    const isLeftOut = leftOut.has(entry.name);
    if (entry.isDirectory()) {
      makeOwned(target);
      if (!isLeftOut) copyOwned(source, target);
    } else if (entry.isFile() && !isLeftOut) {
      copyFile(source, target);
    }
  }
}

function copyFile(source: string, target: string): void {
  try {
    copyFileSync(source, target, constants.COPYFILE_FICLONE);
  } catch (error) {
    // A running server may have removed meanwhile what stood in the list; the log that a standby replays knows.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  own(target);
}
