import { createHash } from 'node:crypto';
import type { Mutant } from './mutants.js';

/**
 * Draws about one mutant in so many, the same ones for the same seed, and at least one of every file. What is drawn hangs on the name of each
 * mutant alone: code that changes elsewhere draws no other ones here, and a list of survivors stays true.
 */
export function draw(mutants: readonly Mutant[], oneIn: number, seed: number): Mutant[] {
  const ranks = new Map(mutants.map((mutant) => [mutant, rank(mutant, seed)]));
  const first = new Map<string, Mutant>();
  for (const mutant of mutants) {
    const best = first.get(mutant.file);
    if (best === undefined || (ranks.get(mutant) ?? 0) < (ranks.get(best) ?? 0)) first.set(mutant.file, mutant);
  }
  return mutants.filter((mutant) => (ranks.get(mutant) ?? 0) % oneIn === 0 || first.get(mutant.file) === mutant);
}

function rank({ key }: Mutant, seed: number): number {
  return createHash('sha256').update(`${seed} ${key}`).digest().readUInt32BE(0);
}
