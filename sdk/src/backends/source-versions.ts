/** What became of a version that the source itself has told, in the order in which it told it. */
export type Observation = 'first' | 'unchanged' | 'newer' | 'reset';

/** How an answer stands to what the source has told: as new as that, older, or of another history. */
export type AnswerStanding = 'current' | 'older' | 'foreign';

/**
 * The highest number that was given to the broker in the life of this process. A number that began again below it, with a new generation of the
 * configuration or a restored database, would be thrown away as outdated for ever.
 */
let highest = 0;

/**
 * Follows the versions of a source of rights, and turns them into numbers for the broker that never go backwards.
 *
 * A source has an epoch (the identity of its history: made when its data was made or restored) and a version that grows with each change. Another
 * epoch, and a version below one that the source has told before, mean another history: a restored backup, a replica that took over. Nothing
 * that was read from the one before may stand then.
 */
export class SourceVersions {
  #epoch: string | null = null;
  #version = 0;
  #offset = 0;

  /** The newest version that was told, or null before the first. */
  get current(): { readonly epoch: string; readonly version: number } | null {
    return this.#epoch === null ? null : { epoch: this.#epoch, version: this.#version };
  }

  /**
   * Takes what the source itself has told: never what was read beside it, which may have been overtaken. `reset`: everything that is known is void, and
   * all rights have to be loaded anew. Throws a RangeError for a version that is no integer of 0 or more.
   */
  observe(epoch: string, version: number): Observation {
    if (!Number.isSafeInteger(version) || version < 0) throw new RangeError('a version is an integer of 0 or more');
    const isFirst = this.#epoch === null;
    const isSameHistory = this.#epoch === epoch && version >= this.#version;
    if (isSameHistory && version === this.#version) return 'unchanged';
    this.#epoch = epoch;
    this.#version = version;
    if (!isSameHistory) this.#offset = Math.max(0, highest + 1 - version);
    highest = Math.max(highest, version + this.#offset);
    if (isFirst) return 'first';
    return isSameHistory ? 'newer' : 'reset';
  }

  /** Whether an answer may be used. One that is older is to be asked for again, of the source itself; a foreign one means that a reset is near. */
  standing(epoch: string, version: number): AnswerStanding {
    if (epoch !== this.#epoch) return 'foreign';
    return version < this.#version ? 'older' : 'current';
  }

  /** The number to give to the broker for a version of the present epoch. */
  announced(version: number): number {
    const number = version + this.#offset;
    highest = Math.max(highest, number);
    return number;
  }
}
