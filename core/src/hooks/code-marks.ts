import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

/** A digest of every module of a plugin that this process has imported, of just before. A module is imported once, whatever becomes of its file. */
const imported = new Map<string, string>();

/** Keeps what a file holds that is imported for the first time. Says whether it holds something else now than it did then. */
export async function codeHasChanged(file: string): Promise<boolean> {
  const now = await digestOf(file);
  const before = imported.get(file);
  if (before === undefined) imported.set(file, now);
  return before !== undefined && before !== now;
}

async function digestOf(file: string): Promise<string> {
  try {
    return createHash('sha256')
      .update(await readFile(file))
      .digest('base64');
  } catch {
    return 'it cannot be read';
  }
}
