import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const WATCH_MS = 500;

/** Processes that lead a group of their own, with all that they started in it. */
const groups = new Set<ChildProcess>();
const folders = new Set<string>();

/** Remembers a process, started `detached`, until `endGroup`: whatever ends the benchmark ends it and its children too. */
export function keepGroup(child: ChildProcess): void {
  groups.add(child);
}

/** Sends a signal to a process and all below it; nothing happens when they are gone. */
export function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    // Windows has no groups of processes.
    if (process.platform === 'win32') child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch {
    // Gone already.
  }
}

export function forgetGroup(child: ChildProcess): void {
  groups.delete(child);
}

/** A new folder; it goes with the process at the latest. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'));
  folders.add(folder);
  return folder;
}

export function removeFolder(folder: string): void {
  folders.delete(folder);
  rmSync(folder, { recursive: true, force: true });
}

function cleanUp(): void {
  for (const child of groups) signalGroup(child, 'SIGKILL');
  for (const folder of folders) removeFolder(folder);
}

/** Ends everything that was started when this process ends: by itself, by Ctrl-C, by a signal, or because npm is gone. */
export function cleanUpAtTheEnd(): void {
  process.on('exit', cleanUp);
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)
    process.once(signal, () => process.exit(status));
  // npm hands a signal to its shell, and some shells die of it without telling anybody.
  const shell = process.ppid;
  setInterval(() => {
    if (process.ppid !== shell) process.exit(143);
  }, WATCH_MS).unref();
}
