/**
 * The program that cleans up after a process which started servers: it holds the other end of a pipe, and when that process
 * ends in whatever way, SIGKILL included, it ends the servers and removes their folders.
 */
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { poll } from './poll.js';
import { isRunning, killTree, signal, thawTree } from './process-tree.js';

const GENTLE_MS = 3_000;
const KILL_MS = 5_000;

/** What one line of the pipe says. */
export type GuardLine =
  | { readonly watch: number; readonly end: NodeJS.Signals }
  | { readonly forget: number }
  | { readonly folder: string }
  | { readonly removed: string };

const watched = new Map<number, NodeJS.Signals>();
const folders = new Set<string>();

function take(line: GuardLine): void {
  if ('watch' in line) watched.set(line.watch, line.end);
  else if ('forget' in line) watched.delete(line.forget);
  else if ('folder' in line) folders.add(line.folder);
  else folders.delete(line.removed);
}

async function end(pid: number, how: NodeJS.Signals): Promise<void> {
  // Frozen processes hear nothing but SIGKILL.
  thawTree(pid);
  if (how !== 'SIGKILL') signal(pid, how);
  const gone = (): boolean => !isRunning(pid);
  const gently = how !== 'SIGKILL' && (await poll('its end', GENTLE_MS, gone).catch(() => false));
  if (gently) return;
  const pids = killTree(pid);
  await poll('its end', KILL_MS, () => !pids.some((one) => isRunning(one))).catch(() => false);
}

// Whoever ends the group of the tests must not end their cleaner.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => {});
for await (const line of createInterface({ input: process.stdin })) take(JSON.parse(line) as GuardLine);
await Promise.all([...watched].map(([pid, how]) => end(pid, how)));
for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
