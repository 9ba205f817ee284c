import { Random } from '../fuzz/random.js';

/** How the bytes of a segment are cut into reads: all at once, a packet each, anywhere, or anywhere and each in a turn of its own. */
export const CUTS = ['whole', 'packets', 'anywhere', 'turns'] as const;
export type Cut = (typeof CUTS)[number];

/** The reads that a segment comes in. The same for the same seed. */
export function cut(packets: readonly Buffer[], how: Cut, seed: number): readonly Buffer[] {
  if (how === 'packets') return packets;
  const all = Buffer.concat(packets);
  if (how === 'whole') return [all];
  const random = new Random(seed);
  const reads: Buffer[] = [];
  for (let at = 0; at < all.length; ) {
    const length = 1 + random.below(random.oneIn(3) ? 8 : 600);
    reads.push(all.subarray(at, at + length));
    at += length;
  }
  return reads;
}
