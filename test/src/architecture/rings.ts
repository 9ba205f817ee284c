import type { Breach, Edge } from './check-imports.js';
import { placeOf } from './rooms.js';

/**
 * Rings of imports between files. A ring of code makes the order of loading decide what is defined; a ring across rooms is one even when it
 * is made of types alone, since neither room could then be read without the other.
 */
export function findRings(edges: readonly Edge[]): Breach[] {
  const code = edges.filter((edge) => !edge.typeOnly);
  const found = new Map<string, Breach>();
  for (const ring of [...rings(code), ...rings(edges).filter(crossesRooms)]) {
    const [first] = ring;
    const key = [...ring].sort().join(' ');
    if (first !== undefined && !found.has(key))
      found.set(key, { path: first, line: 1, message: `is part of a ring of imports: ${ring.join(' → ')} → ${first}` });
  }
  return [...found.values()];
}

function crossesRooms(ring: readonly string[]): boolean {
  return new Set(ring.map((path) => placeOf(path)?.room)).size > 1;
}

/** One ring for each edge that leads back into the path which is being walked. */
function rings(edges: readonly Edge[]): string[][] {
  const next = new Map<string, string[]>();
  for (const { from, to } of edges) next.set(from, [...(next.get(from) ?? []), to]);
  const done = new Set<string>();
  const path: string[] = [];
  const found: string[][] = [];
  const walk = (file: string): void => {
    const at = path.indexOf(file);
    if (at >= 0) {
      found.push(path.slice(at));
      return;
    }
    if (done.has(file)) return;
    path.push(file);
    for (const target of next.get(file) ?? []) walk(target);
    path.pop();
    done.add(file);
  };
  for (const file of next.keys()) walk(file);
  return found;
}
