import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PackageFacts, Tree } from './check-imports.js';

/** The root of the repository, seen from the built file. */
export const REPOSITORY_ROOT = fileURLToPath(new URL('../../../', import.meta.url)).replace(/[/\\]$/, '');

const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', '.git', 'data', 'bench-results', 'coverage']);
const MAX_BYTES = 2 * 1024 * 1024;

/** Every text file of the repository, as the checks want it. */
export function readTree(root: string): Tree {
  const files = new Map<string, string>();
  collect(root, root, files);
  const packages = new Map<string, PackageFacts>();
  for (const [path, text] of files) {
    if (!path.endsWith('/package.json')) continue;
    const manifest: unknown = JSON.parse(text);
    packages.set(path.slice(0, -'/package.json'.length), {
      name: nameOf(manifest),
      dependencies: declared(manifest, 'dependencies', 'peerDependencies'),
      developmentDependencies: declared(manifest, 'devDependencies'),
    });
  }
  const developmentDependencies = declared(JSON.parse(files.get('package.json') ?? '{}'), 'devDependencies');
  return { files, packages, developmentDependencies };
}

function collect(root: string, folder: string, files: Map<string, string>): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!SKIPPED_FOLDERS.has(entry.name)) collect(root, path, files);
    } else if (entry.isFile() && statSync(path).size <= MAX_BYTES) {
      const bytes = readFileSync(path);
      if (!bytes.includes(0)) files.set(relative(root, path).split(sep).join('/'), bytes.toString('utf8'));
    }
  }
}

function nameOf(manifest: unknown): string {
  const name = field(manifest, 'name');
  return typeof name === 'string' ? name : '';
}

function declared(manifest: unknown, ...kinds: readonly string[]): string[] {
  return kinds.flatMap((kind) => Object.keys(field(manifest, kind) ?? {}));
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
