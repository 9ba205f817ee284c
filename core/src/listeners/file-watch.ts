import { stat } from 'node:fs/promises';
import { type TimerWheel, WheelTimer } from '../clock.js';

const LOOK_MS = 1000;

/** Told that files have changed. Resolves when they have been looked into. */
export type FilesChanged = () => Promise<void>;

export interface FileWatchOptions {
  /** Time between two looks. */
  readonly lookMs?: number;
  /** How long a file must be gone before that counts as a change: some programs remove a file before they write the next. */
  readonly goneMs?: number;
}

/** A change that was seen once. */
interface Pending {
  readonly mark: string;
  readonly since: number;
}

const IS_GONE = /^(?:ENOENT|ENOTDIR)$/;

/**
 * Looks at files once a second, unless told otherwise, and tells when they have changed: each for itself, so that one that never comes to rest holds
 * up no other. Told when two looks in a row show the same change, as plugins' own files are: a file that is being written is taken when it is complete.
 */
export class FileWatch {
  readonly #wheel: TimerWheel;
  readonly #changed: FilesChanged;
  readonly #lookMs: number;
  readonly #goneMs: number;
  readonly #timer = new WheelTimer(() => void this.look());
  #files: readonly string[];
  #stopped = false;
  /** State of each file that was last told of; none at first, since it may have changed since it was read. */
  #settled = new Map<string, string>();
  #pending = new Map<string, Pending>();

  constructor(wheel: TimerWheel, files: readonly string[], changed: FilesChanged, { lookMs = LOOK_MS, goneMs = 0 }: FileWatchOptions = {}) {
    this.#lookMs = lookMs;
    this.#goneMs = goneMs;
    this.#wheel = wheel;
    this.#files = files;
    this.#changed = changed;
    wheel.schedule(this.#timer, lookMs);
  }

  /** Looks at other files from now on, and tells of each of them once. */
  watch(files: readonly string[]): void {
    this.#files = files;
    this.forget(files);
  }

  /** Tells of these files again: somebody has looked into them at a time of his own. */
  forget(files: Iterable<string>): void {
    for (const file of files) this.#settled.delete(file);
  }

  /** Files that are not as they were when they were last told of. What is in them may be half of a change, and is told of when they rest. */
  async moving(): Promise<readonly string[]> {
    const marks = await marksOf(this.#files);
    return [...marks].filter(([file, mark]) => this.#settled.get(file) !== mark).map(([file]) => file);
  }

  stop(): void {
    this.#stopped = true;
    this.#wheel.cancel(this.#timer);
  }

  /** One look, as the timer does it. Never rejects, unless `changed` does. */
  async look(): Promise<void> {
    const marks = await marksOf(this.#files);
    const now = this.#wheel.clock.now();
    const pending = new Map<string, Pending>();
    const settled = new Map<string, string>();
    let hasChanged = false;
    for (const [file, mark] of marks) {
      const before = this.#settled.get(file);
      if (before !== undefined) settled.set(file, before);
      if (mark === before) continue;
      const seen = this.#pending.get(file);
      const rests = seen?.mark === mark && (!IS_GONE.test(mark) || now - seen.since >= this.#goneMs);
      if (rests) settled.set(file, mark);
      else pending.set(file, seen?.mark === mark ? seen : { mark, since: now });
      hasChanged ||= rests;
    }
    this.#settled = settled;
    this.#pending = pending;
    if (hasChanged && !this.#stopped) await this.#changed();
    // Only now: looks at a file system that hangs must not pile up.
    if (!this.#stopped) this.#wheel.schedule(this.#timer, this.#lookMs);
  }
}

async function marksOf(files: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const marks = await Promise.all(
    files.map(async (file): Promise<[string, string]> => {
      try {
        const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
        return [file, `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`];
      } catch (error) {
        return [file, String((error as NodeJS.ErrnoException).code)];
      }
    }),
  );
  return new Map(marks);
}
