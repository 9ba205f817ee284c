import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { poll } from './poll.js';
import { isRunning } from './process-tree.js';
import type { Started } from './starter.test.support.js';

const STARTER = fileURLToPath(new URL('./starter.test.support.js', import.meta.url));
const LIMIT_MS = 100_000;

/** Runs a process that starts servers of the kinds in `args`; `started` resolves with what it says of them. */
export function startStarter(args: readonly string[], env: Record<string, string> = {}): { child: ChildProcess; started: Promise<Started> } {
  const child = spawn(process.execPath, [STARTER, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  let [said, complained] = ['', ''];
  child.stdout?.on('data', (bytes: Buffer) => {
    said += bytes.toString();
  });
  child.stderr?.on('data', (bytes: Buffer) => {
    complained += bytes.toString();
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const told = poll('what the starter says', LIMIT_MS, () => said.includes('\n') || child.exitCode !== null);
  const started = Promise.race([told, ended]).then(() => {
    if (!said.includes('\n')) throw new Error(`the starter ended without a word: ${complained}`);
    return JSON.parse(said) as Started;
  });
  return { child, started };
}

/** Waits until the servers and their files are no more. */
export async function assertGone({ pids, folders }: Started): Promise<void> {
  await poll('the end of all processes', LIMIT_MS, () => !pids.some(isRunning));
  await poll('the removal of all folders', LIMIT_MS, () => !folders.some((folder) => existsSync(folder)));
}
