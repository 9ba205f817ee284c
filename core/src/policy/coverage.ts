import type { AskedFilter, Touch } from './filter-walk.js';

/**
 * Adds up rules until they take every topic of a filter.
 *
 * For each number of further levels there is a topic whose levels at all wildcards of the filter are in no rule; a rule that takes it has
 * wildcards there and takes all topics of that number. So numbers of levels are all that has to be counted, and the sum is exact.
 */
export class Coverage {
  readonly #asked: AskedFilter;
  readonly #single = new Set<number>();
  #allFrom = Number.POSITIVE_INFINITY;
  #next: number;

  constructor(asked: AskedFilter) {
    this.#asked = asked;
    this.#next = asked.fewest;
  }

  /** Adds a rule; true when everything is taken. */
  add({ reach, open }: Touch): boolean {
    if (reach >= 0) {
      if (open) this.#allFrom = Math.min(this.#allFrom, reach);
      else this.#single.add(reach);
    }
    return this.complete;
  }

  get complete(): boolean {
    if (!this.#asked.open) return this.#allFrom === 0 || this.#single.has(0);
    while (this.#next < this.#allFrom && this.#single.has(this.#next)) this.#next += 1;
    return this.#next >= this.#allFrom;
  }
}

/** Whether one rule takes every topic of the filter. */
export function coversAlone(asked: AskedFilter, { reach, open }: Touch): boolean {
  if (reach < 0) return false;
  return !asked.open || (open && reach <= asked.fewest);
}
