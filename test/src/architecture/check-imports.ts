import { isBuiltin } from 'node:module';
import { posix } from 'node:path';
import { findImports, type ImportSite } from './imports.js';
import { COMPUTED_IMPORTS, CONFINED_PACKAGES, type Place, PURE_MODULES, placeOf, ROOMS } from './rooms.js';

/** What the check knows of a package: its name and what it declares. */
export interface PackageFacts {
  readonly name: string;
  readonly dependencies: readonly string[];
  readonly developmentDependencies: readonly string[];
}

/** A tree to check, real or made up: paths below the root with `/`, and the packages by folder. */
export interface Tree {
  readonly files: ReadonlyMap<string, string>;
  readonly packages: ReadonlyMap<string, PackageFacts>;
  /** Development dependencies of the root: for tests, never for what is published. */
  readonly developmentDependencies: readonly string[];
}

/** One breach of the table of rooms. */
export interface Breach {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** An import from one file of the tree to another. */
export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly line: number;
  readonly typeOnly: boolean;
}

/** Checks every import of every TypeScript file; gives the breaches, and the edges between files for the search for rings. */
export function checkImports(tree: Tree): { breaches: Breach[]; edges: Edge[] } {
  const breaches: Breach[] = [];
  const edges: Edge[] = [];
  for (const [path, source] of tree.files) {
    if (!path.endsWith('.ts')) continue;
    const place = placeOf(path);
    if (place === null) continue;
    if (place.room === null) {
      breaches.push({ path, line: 1, message: 'stands in no room of the table' });
      continue;
    }
    for (const site of findImports(source)) {
      const message = checkSite(tree, path, place, site, edges);
      if (message !== null) breaches.push({ path, line: site.line, message });
    }
  }
  return { breaches, edges };
}

function checkSite(tree: Tree, path: string, place: Place, site: ImportSite, edges: Edge[]): string | null {
  const { specifier } = site;
  if (specifier === null) return COMPUTED_IMPORTS.some((allowed) => allowed.test(path)) ? null : 'imports something that only running it can name';
  if (specifier.startsWith('/') || specifier.startsWith('file:')) return `imports the absolute path ${specifier}`;
  if (specifier.startsWith('.')) return checkRelative(tree, path, place, specifier, site, edges);
  if (isBuiltin(specifier)) return checkBuiltin(place, specifier);
  return checkPackage(tree, place, specifier);
}

function checkRelative(tree: Tree, path: string, place: Place, specifier: string, site: ImportSite, edges: Edge[]): string | null {
  const target = posix.join(posix.dirname(path), specifier);
  const targetPlace = placeOf(target);
  // Tests may read files of the whole tree that way; reaching for code is left to those of the test package.
  if (site.kind === 'url' && (place.folder === 'test' || (place.isTest && !/\.[jt]s$/.test(specifier)))) return null;
  if (targetPlace?.folder !== place.folder) return `leaves its package with ${specifier}`;
  if (site.kind === 'url' || !target.startsWith(`${place.folder}/src/`)) return null;
  const to = target.replace(/\.js$/, '.ts');
  if (!tree.files.has(to)) return `imports ${specifier}, which is not there`;
  edges.push({ from: path, to, line: site.line, typeOnly: site.kind === 'type' });
  if (place.folder !== 'core') return null;
  return roomMessage(place, placeOf(to)?.room ?? null);
}

function roomMessage(place: Place, target: string | null): string | null {
  if (target === null || target === place.room) return null;
  const room = ROOMS[place.room ?? ''];
  return room?.mayImport.includes(target) ? null : `room "${place.room}" may not import room "${target}"`;
}

function checkBuiltin(place: Place, specifier: string): string | null {
  if (!specifier.startsWith('node:')) return `imports ${specifier} without "node:"`;
  if (specifier === 'node:test' && !place.isTest && place.room !== 'test' && place.room !== 'test/kit') return 'imports node:test outside tests';
  const pure = place.folder === 'core' && ROOMS[place.room ?? '']?.pure === true;
  return pure && !place.isTest && !PURE_MODULES.has(specifier) ? `room "${place.room}" is pure and may not import ${specifier}` : null;
}

function checkPackage(tree: Tree, place: Place, specifier: string): string | null {
  const name = packageName(specifier);
  const own = tree.packages.get(place.folder);
  const ours = [...tree.packages.values()].some((candidate) => candidate.name === name);
  if (ours) return checkOurs(place, own, name);
  const confined = CONFINED_PACKAGES.get(name);
  if (confined !== undefined && place.folder !== 'test' && !confined.includes(place.room ?? ''))
    return `only room "${confined.join('", "')}" may import ${name}`;
  if (own?.dependencies.includes(name)) return null;
  const inTest = place.isTest || place.folder === 'test';
  if (inTest && tree.developmentDependencies.includes(name)) return null;
  if (place.folder === 'test' && [...tree.packages.values()].some((candidate) => candidate.dependencies.includes(name))) return null;
  return `imports ${name}, which its package.json does not declare`;
}

/** Packages of ours that only tests of plugins may import. */
const FOR_TESTS: readonly string[] = ['@portcullis/testing', '@portcullis/test-servers'];

/** Packages of this project among themselves: plugins and core see the SDK, the kit sees core too, servers nothing, tests everything. */
function checkOurs(place: Place, own: PackageFacts | undefined, name: string): string | null {
  if (name === own?.name) return `imports its own package ${name} by name`;
  if (place.folder === 'test') return null;
  const allowed = ['sdk', 'test/servers'].includes(place.folder)
    ? []
    : place.folder === 'test/kit'
      ? ['@portcullis/sdk', 'portcullis']
      : ['@portcullis/sdk'];
  // A plugin is tested with the kit and with real servers; what it ships knows the SDK only.
  if (place.isTest && FOR_TESTS.includes(name) && own?.developmentDependencies.includes(name)) return null;
  if (!allowed.includes(name)) return `${place.folder} may not import ${name}`;
  return own?.dependencies.includes(name) ? null : `imports ${name}, which its package.json does not declare`;
}

function packageName(specifier: string): string {
  const [first = '', second = ''] = specifier.split('/');
  return first.startsWith('@') ? `${first}/${second}` : first;
}
