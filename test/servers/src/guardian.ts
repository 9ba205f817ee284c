import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { GuardLine } from './guard.js';
import { temporaryFolder } from './temporary.js';

let guard: ChildProcess | null = null;

function tell(line: GuardLine): void {
  if (guard === null) {
    const program = fileURLToPath(new URL('./guard.js', import.meta.url));
    // In a group of its own, and with no stream of ours but the pipe: it must outlive us, and nobody shall wait for it.
    guard = spawn(process.execPath, [program], { stdio: ['pipe', 'ignore', 'ignore'], detached: true, cwd: '/', env: { PATH: process.env.PATH } });
    guard.unref();
    guard.stdin?.on('error', () => {});
    (guard.stdin as unknown as { unref(): void }).unref();
  }
  guard.stdin?.write(`${JSON.stringify(line)}\n`);
}

/** Has a process, and all that comes out of it, end with us; `end` is the signal that it gets first. */
export function watch(pid: number, end: NodeJS.Signals): void {
  tell({ watch: pid, end });
}

/** Takes a process that has ended off the list: its id may be somebody else's soon. */
export function forget(pid: number): void {
  tell({ forget: pid });
}

/** A new folder in the temporary folder that is removed when we end, if not before. */
export function ownFolder(prefix: string): string {
  const folder = mkdtempSync(join(temporaryFolder(), prefix));
  tell({ folder });
  return folder;
}

/** Removes a folder that `ownFolder` made. */
export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  tell({ removed: folder });
}
