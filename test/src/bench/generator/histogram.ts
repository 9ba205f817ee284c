const SUB_BUCKETS = 64;
const POWERS = 34;

/** Counts durations in microseconds, in buckets whose width grows with the value: no answer is more than 2 % off. */
export class Histogram {
  readonly #buckets = new Uint32Array(SUB_BUCKETS * POWERS);
  #count = 0;
  #greatest = 0;

  get count(): number {
    return this.#count;
  }

  add(microseconds: number): void {
    const value = microseconds > 0 ? microseconds : 0;
    this.#count++;
    if (value > this.#greatest) this.#greatest = value;
    // Tenths, so that single microseconds are told apart.
    const tenths = Math.min(Math.round(value * 10), 0x7fff_ffff);
    const index = bucketOf(tenths);
    this.#buckets[index] = (this.#buckets[index] ?? 0) + 1;
  }

  clear(): void {
    this.#buckets.fill(0);
    this.#count = 0;
    this.#greatest = 0;
  }

  /** The value in microseconds below which this share of the values lies; null when there are none. */
  quantile(share: number): number | null {
    if (this.#count === 0) return null;
    const wanted = Math.max(1, Math.ceil(share * this.#count));
    let seen = 0;
    for (let index = 0; index < this.#buckets.length; index++) {
      seen += this.#buckets[index] ?? 0;
      if (seen >= wanted) return Math.min(middleOf(index) / 10, this.#greatest);
    }
    return this.#greatest;
  }
}

function bucketOf(value: number): number {
  if (value < SUB_BUCKETS) return value;
  const power = 31 - Math.clz32(value);
  return (power - 5) * SUB_BUCKETS + ((value >>> (power - 6)) & (SUB_BUCKETS - 1));
}

function middleOf(index: number): number {
  if (index < SUB_BUCKETS) return index;
  const power = Math.floor(index / SUB_BUCKETS) + 5;
  const width = 2 ** (power - 6);
  return (SUB_BUCKETS + (index % SUB_BUCKETS)) * width + width / 2;
}
