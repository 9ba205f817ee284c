import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Edit, type EditKind, OPERATORS } from './operators.js';
import { placesOf, type SyntaxNode } from './syntax.js';

/** The rooms in which it is decided who may do what. */
export const ROOMS: readonly string[] = ['hooks', 'gate', 'policy'];

export interface Mutant {
  /** Room and file of the source, such as `gate/fold.ts`. */
  readonly file: string;
  readonly kind: EditKind;
  /** File, function, change and text: what a mutant goes by as long as the code that it changes stays. */
  readonly key: string;
  /** In the built file, in characters. */
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
}

const MOST_SHOWN = 110;

/** Source files of the rooms, by room and name; tests and doors that only pass on are none. */
export function mutatedFiles(root: string): string[] {
  return ROOMS.flatMap((room) =>
    readdirSync(join(root, 'core', 'src', room))
      .filter((name) => name.endsWith('.ts') && !name.includes('.test.') && name !== 'index.ts')
      .sort()
      .map((name) => `${room}/${name}`),
  );
}

export function builtFile(root: string, file: string): string {
  return join(root, 'core', 'dist', file.replace(/\.ts$/, '.js'));
}

/** Every mutant of one built file, in the order of the text. */
export function mutantsOf(file: string, source: string): Mutant[] {
  const seen = new Map<string, number>();
  const texts = new Set<string>();
  const text = (node: SyntaxNode): string => source.slice(node.start, node.end);
  const mutants: Mutant[] = [];
  for (const place of placesOf(source)) {
    for (const operator of OPERATORS) {
      for (const change of operator(place, text)) {
        // Two ways to the same text are one mutant.
        const mutated = `${change.start} ${change.end} ${change.replacement}`;
        if (texts.has(mutated)) continue;
        texts.add(mutated);
        const { kind, start, end, replacement } = change;
        mutants.push({ file, kind, key: number(seen, keyOf(file, place.within, change, text)), start, end, replacement });
      }
    }
  }
  return mutants;
}

/** Every mutant of every room. */
export function allMutants(root: string): Mutant[] {
  return mutatedFiles(root).flatMap((file) => {
    const built = builtFile(root, file);
    return existsSync(built) ? mutantsOf(file, readFileSync(built, 'utf8')) : [];
  });
}

export function applied(source: string, { start, end, replacement }: Mutant): string {
  return source.slice(0, start) + replacement + source.slice(end);
}

function keyOf(file: string, within: string, change: Edit, text: (node: SyntaxNode) => string): string {
  const shown = text(change.shown).replace(/\s+/g, ' ');
  const excerpt = shown.length > MOST_SHOWN ? `${shown.slice(0, MOST_SHOWN)}…` : shown;
  return `${file} ${within === '' ? '(top)' : within}: ${change.kind}: ${excerpt}`;
}

/** The same text twice in one function is told apart by number. */
function number(seen: Map<string, number>, key: string): string {
  const count = (seen.get(key) ?? 0) + 1;
  seen.set(key, count);
  return count === 1 ? key : `${key} (${count})`;
}
