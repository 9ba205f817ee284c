import { closeSync, openSync } from 'node:fs';

/** Files that are open beside connections, about. */
const OTHERS = 256;
/** The table is not made larger than for so many, however many connections are allowed: each costs a call. */
const MOST = 65_536;
/** The kernel's tables have so many places, or twice as many, and so on. */
const SMALLEST_TABLE = 128;

/**
 * Makes the kernel's table of this process's files as large as so many connections need. It doubles when it is full, and a process with threads
 * then stands still for some 10 ms: better before there are clients than when many connect. Returns the highest descriptor that was open.
 */
export function growDescriptorTable(connections: number, platform = process.platform): number {
  if (platform !== 'linux') return -1;
  const needed = Math.min(connections + OTHERS, MOST);
  let table = SMALLEST_TABLE;
  while (table < needed) table *= 2;
  const opened: number[] = [];
  let highest = -1;
  try {
    // A table of this size is made for the first file that has no place in half of it.
    while (highest < table / 2) {
      highest = openSync('/dev/null', 'r');
      opened.push(highest);
    }
  } catch {
    // No more may be open: then no more will be.
  }
  for (const descriptor of opened) closeSync(descriptor);
  return highest;
}
