import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve, sep } from 'node:path';

/** A package on disk: its folder, its manifest, and the file that holds its module. */
export interface PackageEntry {
  readonly root: string;
  readonly packageName: string;
  readonly version: string;
  readonly file: string;
}

/** Why a package was not found or cannot be used, in a line. */
export class PackageProblem extends Error {}

const PACKAGE_NAME = /^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/;

/** Finds what `use` means: a folder when it begins with `.` or `/`, else a package as Node looks for it, from each of the folders in turn. */
export async function findPackage(use: string, baseFolder: string, otherFolders: readonly string[]): Promise<PackageEntry> {
  if (use.startsWith('.') || isAbsolute(use)) return await readPackage(resolve(baseFolder, use));
  if (!PACKAGE_NAME.test(use)) throw new PackageProblem('it is neither the name of a package nor a folder; a folder begins with "./", "../" or "/"');
  for (const from of [baseFolder, ...otherFolders]) {
    const folder = await folderOfPackage(use, from);
    if (folder !== null) return await readPackage(folder);
  }
  // Whoever only forgot the "./" must not be led to install a stranger's package of that name.
  if (await isFile(join(resolve(baseFolder, use), 'package.json')))
    throw new PackageProblem(`there is no such package, but a folder: write "./${use}"`);
  throw new PackageProblem(`there is no such package; install it with "npm install ${use}" in ${baseFolder}`);
}

async function folderOfPackage(name: string, from: string): Promise<string | null> {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (await isFile(join(candidate, 'package.json'))) return candidate;
    if (dirname(folder) === folder) return null;
  }
}

async function readPackage(folder: string): Promise<PackageEntry> {
  const root = await realpath(folder).catch(() => {
    throw new PackageProblem(`there is no folder ${folder}`);
  });
  if (await isFile(root)) throw new PackageProblem(`${root} is a file; name the folder of its package: ${dirname(root)}`);
  const manifest = await readManifest(root);
  const { name, version } = manifest;
  const entry = resolve(root, entryOf(manifest));
  const file = await realpath(entry).catch(() => {
    throw new PackageProblem(`its module ${entry} does not exist; has the package been built?`);
  });
  // A link or ".." would run code that does not belong to the package that the administrator named.
  if (!file.startsWith(root + sep)) throw new PackageProblem(`its module ${file} is outside of its folder ${root}`);
  return { root, file, packageName: typeof name === 'string' ? name : root, version: typeof version === 'string' ? version : '0.0.0' };
}

async function readManifest(root: string): Promise<Record<string, unknown>> {
  const path = join(root, 'package.json');
  const text = await readFile(path, 'utf8').catch(() => {
    throw new PackageProblem(`${path} is missing; a plugin is a package`);
  });
  try {
    const manifest: unknown = JSON.parse(text);
    if (typeof manifest === 'object' && manifest !== null && !Array.isArray(manifest)) return manifest as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw new PackageProblem(`${path} is not a JSON object`);
}

function entryOf(manifest: Record<string, unknown>): string {
  const { exports, main } = manifest;
  if (exports === undefined || exports === null) return typeof main === 'string' ? main : 'index.js';
  const root = isConditions(exports) && Object.keys(exports).some((key) => key.startsWith('.')) ? exports['.'] : exports;
  const target = targetOf(root);
  if (target === null) throw new PackageProblem('"exports" of its package.json has no module for "import"');
  return target;
}

const CONDITIONS = ['node', 'import', 'module-sync', 'default'];

/** The target of conditional exports, as Node picks it: the first key that applies. */
function targetOf(exported: unknown): string | null {
  if (typeof exported === 'string') return exported;
  if (Array.isArray(exported)) return exported.map(targetOf).find((target) => target !== null) ?? null;
  if (!isConditions(exported)) return null;
  for (const [condition, value] of Object.entries(exported)) {
    const target = CONDITIONS.includes(condition) ? targetOf(value) : null;
    if (target !== null) return target;
  }
  return null;
}

function isConditions(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function isFile(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
