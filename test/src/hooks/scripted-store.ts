import type { RetainedChange, SessionChange } from '@portcullis/sdk';

type Change = SessionChange | RetainedChange;

/** A store that settles, refuses and fails when a test says so. It keeps nothing: what it holds back is all that matters. */
export class ScriptedStore {
  readonly name: string;
  settled = 0;
  failure: Error | null = null;
  readonly #tell: (change: Change) => void;
  #last = 0;
  #holding = false;
  #full = false;
  #progress: () => void = () => {};

  constructor(name: string, tell: (change: Change) => void) {
    this.name = name;
    this.#tell = tell;
  }

  append(change: Change): number {
    if (this.#full) throw new Error('the store is full');
    this.#last += 1;
    if (!this.#holding) this.settled = this.#last;
    this.#tell(change);
    return this.#last;
  }

  onProgress(listener: () => void): void {
    this.#progress = listener;
  }

  /** From now on nothing settles until `settle`. */
  hold(): void {
    this.#holding = true;
  }

  /** Settles so many changes more, or all; holding goes on. */
  settle(count?: number): void {
    this.settled = count === undefined ? this.#last : this.settled + count;
    this.#progress();
  }

  /** Back to a store that takes and settles at once. */
  recover(): void {
    this.#holding = false;
    this.#full = false;
    this.settle();
  }

  /** From now on it takes no change. */
  fill(): void {
    this.#full = true;
  }

  /** It settles nothing any more. */
  fail(): void {
    this.failure = new Error('the disk is gone');
    this.#progress();
  }

  async close(): Promise<void> {}
}
