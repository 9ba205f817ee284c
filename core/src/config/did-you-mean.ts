import { quoted } from './problem.js';

/** The known name that was probably meant, or null. */
export function closestName(given: string, known: Iterable<string>): string | null {
  if (given.length > 64) return null;
  const wanted = given.toLowerCase();
  const allowed = Math.max(1, Math.floor(given.length / 3));
  let best: string | null = null;
  let bestDistance = allowed + 1;
  for (const name of known) {
    const distance = editDistance(wanted, name.toLowerCase());
    if (distance < bestDistance && distance < name.length) {
      best = name;
      bestDistance = distance;
    }
  }
  return best;
}

/** The hint for a name that is not known; lists the known ones when none is close and they are few. */
export function nameHint(given: string, known: readonly string[]): string | null {
  const closest = closestName(given, known);
  if (closest !== null) return `did you mean ${quoted(closest)}?`;
  return known.length > 0 && known.length <= 12 ? `known: ${known.map(quoted).join(', ')}` : null;
}

/** Insertions, removals, replacements and swaps of neighbours; swaps count one because they are the commonest slip. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min((last[j] as number) + 1, (row[j - 1] as number) + 1, (last[j - 1] as number) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, (beforeLast[j - 2] as number) + 1);
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] as number;
}
