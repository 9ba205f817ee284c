import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Declaration, declarationsOf, type Member } from './declarations.js';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** The exports of a file and of everything that it exports from elsewhere, by name. */
function exportsOf(file: string): ReadonlyMap<string, Declaration> {
  const source = readFileSync(file, 'utf8');
  const found = new Map<string, Declaration>();
  for (const [, names, from = ''] of source.matchAll(/^export (?:\*|(?:type )?\{([^}]+)\}) from '(\.[^']+)\.js';$/gm)) {
    const wanted = names?.split(',').map((name) => name.replace(/^\s*type /, '').trim());
    for (const [name, declaration] of exportsOf(join(dirname(file), `${from}.ts`))) {
      if (wanted === undefined || wanted.includes(name)) found.set(name, declaration);
    }
  }
  for (const declaration of declarationsOf(source)) found.set(declaration.name, declaration);
  return found;
}

/** Everything that `@portcullis/sdk` exports, by name. */
export const SDK: ReadonlyMap<string, Declaration> = exportsOf(join(ROOT, 'sdk', 'src', 'index.ts'));

/** Everything that `@portcullis/sdk/passwords` exports, by name. */
export const PASSWORDS: ReadonlyMap<string, Declaration> = exportsOf(join(ROOT, 'sdk', 'src', 'passwords', 'index.ts'));

/** The members of an interface, those of what it extends first. */
export function allMembers(name: string): readonly Member[] {
  const declaration = SDK.get(name);
  if (declaration === undefined) throw new Error(`the SDK exports no ${name}`);
  return [...declaration.bases.flatMap(allMembers), ...declaration.members];
}
