import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  readonly zombie: boolean;
}

/** The state letter and the parent out of `/proc/<pid>/stat`; the name before them may hold spaces and brackets itself. */
function readStat(pid: number): ProcessFacts | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { pid, parent: Number(parent), zombie: state === 'Z' || state === 'X' };
  } catch {
    return null;
  }
}

function allProcesses(): ProcessFacts[] {
  if (process.platform === 'linux') {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    return pids.flatMap((pid) => readStat(Number(pid)) ?? []);
  }
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat='], { encoding: 'utf8' });
  return [...table.matchAll(/(\d+)\s+(\d+)\s+(\S+)/g)].map(([, pid, parent, state = '']) => ({
    pid: Number(pid),
    parent: Number(parent),
    zombie: state.startsWith('Z'),
  }));
}

/** All living descendants of a process, found by their parents: PostgreSQL gives every backend a process group of its own. */
export function descendantsOf(root: number): number[] {
  const processes = allProcesses();
  const found: number[] = [];
  const waiting = [root];
  for (let parent = waiting.shift(); parent !== undefined; parent = waiting.shift())
    for (const one of processes) {
      if (one.parent !== parent || one.zombie) continue;
      found.push(one.pid);
      waiting.push(one.pid);
    }
  return found;
}

/** Whether a process still runs; one that has ended and waits for its parent does not. */
export function isRunning(pid: number): boolean {
  if (process.platform === 'linux') return readStat(pid)?.zombie === false;
  return allProcesses().some((one) => one.pid === pid && !one.zombie);
}

/** Sends a signal; one that has ended already is no error. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Stops a process and all that came out of it where they are; gives their ids, the root first. */
export function freezeTree(root: number): number[] {
  // The root first, so that it makes no more children while they are looked for.
  signal(root, 'SIGSTOP');
  const frozen = new Set<number>([root]);
  for (let fresh = descendantsOf(root); fresh.length > 0; fresh = descendantsOf(root).filter((pid) => !frozen.has(pid)))
    for (const pid of fresh) {
      signal(pid, 'SIGSTOP');
      frozen.add(pid);
    }
  return [...frozen];
}

export function thawTree(root: number): void {
  for (const pid of [...descendantsOf(root), root]) signal(pid, 'SIGCONT');
}

/** Kills a process and all that came out of it; gives their ids. */
export function killTree(root: number): number[] {
  const pids = freezeTree(root);
  for (const pid of pids) signal(pid, 'SIGKILL');
  return pids;
}
