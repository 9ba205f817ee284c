import { stat } from 'node:fs/promises';
import { type TimerWheel, WheelTimer } from '../clock.js';

const LOOK_MS = 1000;

/**
 * Told that files have changed. `settled` says whether they are still as they were when it was called: what was read of files that changed
 * meanwhile may be half of the one and half of the other, and is not to be used. They are told of again.
 */
export type FilesChanged = (settled: () => Promise<boolean>) => Promise<void>;

/**
 * Looks at files once a second, unless told otherwise, and tells when they have changed. Told when two looks in a row show the same change, as plugins' own files are:
 * a file that is being written, or a pair that is being replaced, one after the other, is taken when it is complete.
 */
export class FileWatch {
  readonly #wheel: TimerWheel;
  readonly #changed: FilesChanged;
  readonly #lookMs: number;
  readonly #timer = new WheelTimer(() => void this.look());
  #files: readonly string[];
  #stopped = false;
  /** State of the files that was last told of; null at first, since they may have changed since they were read. */
  #settled: string | null = null;
  #pending: string | null = null;

  constructor(wheel: TimerWheel, files: readonly string[], changed: FilesChanged, lookMs = LOOK_MS) {
    this.#lookMs = lookMs;
    this.#wheel = wheel;
    this.#files = files;
    this.#changed = changed;
    wheel.schedule(this.#timer, lookMs);
  }

  /** Looks at other files from now on. */
  watch(files: readonly string[]): void {
    this.#files = files;
  }

  stop(): void {
    this.#stopped = true;
    this.#wheel.cancel(this.#timer);
  }

  /** One look, as the timer does it. Never rejects, unless `changed` does. */
  async look(): Promise<void> {
    const files = this.#files;
    const mark = await markOf(files);
    if (mark === this.#settled) this.#pending = null;
    else if (mark !== this.#pending) this.#pending = mark;
    else {
      this.#settled = mark;
      this.#pending = null;
      if (!this.#stopped) await this.#changed(async () => (await markOf(files)) === mark);
    }
    // Only now: looks at a file system that hangs must not pile up.
    if (!this.#stopped) this.#wheel.schedule(this.#timer, this.#lookMs);
  }
}

async function markOf(files: readonly string[]): Promise<string> {
  const marks = await Promise.all(
    files.map(async (file) => {
      try {
        const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
        return `${file} ${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
      } catch (error) {
        return `${file} ${String((error as NodeJS.ErrnoException).code)}`;
      }
    }),
  );
  return marks.join('\n');
}
