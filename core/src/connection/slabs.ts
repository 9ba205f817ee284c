/** Sizes of the buffers in which what goes out is gathered, and how many of each are kept for the next. About 24 MiB in all. */
const SIZES = [16_384, 65_536, 262_144, 1_048_576] as const;
const KEPT = [256, 64, 32, 8] as const;

const pools: Buffer[][] = SIZES.map(() => []);

/** A buffer of at least so many bytes, with whatever was in it before. Allocating one anew touches fresh pages, which costs more than a copy. */
export function takeSlab(bytes: number): Buffer {
  for (let i = 0; i < SIZES.length; i += 1) {
    const size = SIZES[i] as number;
    if (bytes <= size) return (pools[i] as Buffer[]).pop() ?? Buffer.allocUnsafeSlow(size);
  }
  return Buffer.allocUnsafeSlow(bytes);
}

/** Gives a buffer back of which nobody needs anything any more. */
export function releaseSlab(slab: Buffer): void {
  for (let i = 0; i < SIZES.length; i += 1) {
    if (slab.length !== SIZES[i]) continue;
    const pool = pools[i] as Buffer[];
    if (pool.length < (KEPT[i] as number)) pool.push(slab);
    return;
  }
}
