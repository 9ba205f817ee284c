import { randomBytes } from 'node:crypto';

/** Seeded, so that nobody outside can choose names that share a bucket. No answer depends on it. */
export const HASH_SEED = randomBytes(4).readInt32LE() | 1;
export const HASH_PRIME = 0x01000193;

/** The hash of one level's text. `TopicWalk` computes the same while it cuts a topic into levels. */
export function hashText(text: string): number {
  let hash = HASH_SEED;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), HASH_PRIME);
  return hash;
}
