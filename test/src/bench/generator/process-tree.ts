import { readdirSync, readFileSync } from 'node:fs';

/** Ticks per second of the times in /proc. The kernel has shown 100 to every program since long before Node. */
const TICKS_PER_SECOND = 100;

/** What a process and all that it started have used up, all threads included. */
export interface TreeUsage {
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
}

interface Process {
  readonly parent: number;
  readonly cpuSeconds: number;
}

/** Whether this system tells what other processes use. */
export function canReadProcesses(): boolean {
  return readProcess(process.pid) !== null;
}

/** Reads the tree below `root`; null when there is no such process, or nothing to read it from. */
export function readTree(root: number): TreeUsage | null {
  if (readProcess(root) === null) return null;
  const all = new Map<number, Process>();
  for (const name of readdirSync('/proc')) {
    const found = /^\d+$/.test(name) ? readProcess(Number(name)) : null;
    if (found !== null) all.set(Number(name), found);
  }
  let cpuSeconds = 0;
  let memoryBytes = 0;
  for (const [pid, { cpuSeconds: own }] of all) {
    if (!isBelow(pid, root, all)) continue;
    cpuSeconds += own;
    memoryBytes += readMemory(pid);
  }
  return { cpuSeconds, memoryBytes };
}

function isBelow(pid: number, root: number, all: ReadonlyMap<number, Process>): boolean {
  // As many steps as there are processes: parents read at different moments could form a ring.
  for (let each = pid, steps = 0; each > 0 && steps <= all.size; steps++) {
    if (each === root) return true;
    each = all.get(each)?.parent ?? 0;
  }
  return false;
}

function readProcess(pid: number): Process | null {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return null;
  }
}

/** The fields of /proc/<pid>/stat that matter. The name in parentheses may hold anything, parentheses and blanks included. */
export function parseStat(text: string): Process | null {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [parent, user, system] = [fields[1], fields[11], fields[12]].map(Number);
  if (parent === undefined || user === undefined || system === undefined || Number.isNaN(parent + user + system)) return null;
  return { parent, cpuSeconds: (user + system) / TICKS_PER_SECOND };
}

function readMemory(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
