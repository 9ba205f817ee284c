import { stat } from 'node:fs/promises';
import { type TimerWheel, WheelTimer } from '../clock.js';

const LOOK_MS = 1000;

/**
 * Looks at files once a second and tells when they have changed. Told when two looks in a row show the same change: a pair of files that is
 * being replaced, one after the other, is taken when both are there.
 */
export class FileWatch {
  readonly #wheel: TimerWheel;
  readonly #changed: () => Promise<void>;
  readonly #timer = new WheelTimer(() => void this.#look());
  #files: readonly string[];
  #stopped = false;
  /** State of the files that was last told of; null at first, since they may have changed since they were read. */
  #settled: string | null = null;
  #pending: string | null = null;

  constructor(wheel: TimerWheel, files: readonly string[], changed: () => Promise<void>) {
    this.#wheel = wheel;
    this.#files = files;
    this.#changed = changed;
    wheel.schedule(this.#timer, LOOK_MS);
  }

  /** Looks at other files from now on. */
  watch(files: readonly string[]): void {
    this.#files = files;
  }

  stop(): void {
    this.#stopped = true;
    this.#wheel.cancel(this.#timer);
  }

  async #look(): Promise<void> {
    const mark = await markOf(this.#files);
    if (mark === this.#settled) this.#pending = null;
    else if (mark !== this.#pending) this.#pending = mark;
    else {
      this.#settled = mark;
      this.#pending = null;
      if (!this.#stopped) await this.#changed();
    }
    // Only now: looks at a file system that hangs must not pile up.
    if (!this.#stopped) this.#wheel.schedule(this.#timer, LOOK_MS);
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
