import { readdirSync, readFileSync } from 'node:fs';

const POLL_MS = 50;

/** Memory of a process in bytes; null where the system does not say. */
export function residentBytes(pid: number): number | null {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? null : Number(kilobytes) * 1024;
  } catch {
    return null;
  }
}

/** Open files and sockets of a process; null where the system does not say. */
export function openFiles(pid: number): number | null {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return null;
  }
}

/** Looks again and again until it is so; throws with what `state` says when it takes too long. */
export async function until(reached: () => boolean, state: () => unknown, limitMs = 20_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!reached()) {
    if (performance.now() > end) throw new Error(`awaited in vain for ${limitMs} ms: ${JSON.stringify(state())}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
