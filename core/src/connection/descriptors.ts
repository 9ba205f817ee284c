import { readdirSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import type { Limits } from '../limits.js';

/** What the system says about the files of this process; null where it says nothing. */
export interface DescriptorSource {
  /** How many may be open. */
  limit(): number | null;
  /** How many are open. */
  count(): number | null;
  /** The same without holding up the event loop: with many of them it takes long. */
  countLater(): Promise<number | null>;
}

const OPEN_FILES = '/proc/self/fd';

export const systemDescriptors: DescriptorSource = {
  limit: () => limitOfProc() ?? limitOfReport(),
  count() {
    try {
      return readdirSync(OPEN_FILES).length;
    } catch {
      return null;
    }
  },
  async countLater() {
    try {
      return (await readdir(OPEN_FILES)).length;
    } catch {
      return null;
    }
  },
};

function limitOfProc(): number | null {
  try {
    const [, soft = ''] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === '' ? null : Number(soft);
  } catch {
    return null;
  }
}

/** What systems without `/proc` say, by way of Node. */
export function limitOfReport(): number | null {
  try {
    const report = process.report.getReport() as { userLimits?: { open_files?: { soft?: unknown } } };
    const soft = report.userLimits?.open_files?.soft;
    return typeof soft === 'number' ? soft : null;
  } catch {
    return null;
  }
}

/** What files other than connections are taken for where they cannot be counted. */
const ASSUMED_OTHERS = 64;
/** How often the files are counted while connections come, in milliseconds: near the limit, and far from it. */
const COUNT_NEAR_MS = 5000;
const COUNT_FAR_MS = 60_000;
/** A count during which more connections came or went than this says nothing. */
const MAX_DRIFT = 8;

/**
 * How many connections the process has file descriptors for. A broker that has used up all of them can neither read its configuration nor say
 * why it refuses: connections end before, by a reserve.
 */
export class Descriptors {
  /** How many descriptors connections and all other files may have together. */
  readonly budget: number;
  readonly #sockets: () => number;
  readonly #source: DescriptorSource;
  readonly #near: number;
  #others = ASSUMED_OTHERS;
  #countedAt = Number.NEGATIVE_INFINITY;

  /** `sockets` says how many connections there are, those that are being refused included. */
  constructor(
    limits: Pick<Limits, 'maxFileDescriptors' | 'reservedFileDescriptors'>,
    sockets: () => number,
    source: DescriptorSource = systemDescriptors,
  ) {
    this.#sockets = sockets;
    this.#source = source;
    const most = Math.min(limits.maxFileDescriptors, source.limit() ?? limits.maxFileDescriptors);
    this.budget = most - limits.reservedFileDescriptors;
    this.#near = Math.ceil(most / 8);
  }

  /** How many connections there may be beside the other files that are open now. */
  get connections(): number {
    return Math.max(0, this.budget - this.#others);
  }

  /** Counts the other files at once; for a moment in which few are open. */
  count(now: number): void {
    this.#countedAt = now;
    this.#counted(this.#source.count(), this.#sockets());
  }

  /** Whether there may be one more connection. Nothing is asked of the system here; what it said is renewed behind the scenes. */
  allow(now: number): boolean {
    const free = this.budget - this.#others - this.#sockets();
    if (now - this.#countedAt >= (free < this.#near ? COUNT_NEAR_MS : COUNT_FAR_MS)) void this.#countLater(now);
    return free > 0;
  }

  async #countLater(now: number): Promise<void> {
    this.#countedAt = now;
    const before = this.#sockets();
    const open = await this.#source.countLater();
    const after = this.#sockets();
    if (Math.abs(after - before) <= MAX_DRIFT) this.#counted(open, Math.max(before, after));
  }

  /** A count that fails, for want of a descriptor perhaps, leaves what was known. */
  #counted(open: number | null, sockets: number): void {
    if (open !== null) this.#others = Math.max(0, open - sockets);
  }
}
