import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';

/** A copy of the built project in which files may be changed. */
export interface Tree {
  readonly folder: string;
  remove(): void;
}

const COPIED = ['package.json', 'plugins.json', 'sdk', 'core', 'plugins', 'test', 'scripts'];

/**
 * Copies what runs, and gives the copy modules of its own: packages of the project lead to the copy, all others to where they are installed.
 * Nothing of the original is ever written to. It goes with the process, if it was not removed before.
 */
export function makeTree(root: string): Tree {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-mutants-'));
  const wanted = (path: string): boolean => basename(path) !== 'node_modules' && !/\.(?:map|d\.ts|tsbuildinfo)$/.test(path);
  for (const name of COPIED) cpSync(join(root, name), join(folder, name), { recursive: true, filter: wanted });
  const modules = join(folder, 'node_modules');
  mkdirSync(join(modules, '@portcullis'), { recursive: true });
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name.startsWith('.') || name === '@portcullis' || name === 'portcullis') continue;
    symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
  for (const name of ownPackages(root)) {
    const source = relative(realpathSync(root), realpathSync(join(root, 'node_modules', name)));
    symlinkSync(join(folder, source), join(modules, name));
  }
  const remove = (): void => {
    process.off('exit', remove);
    rmSync(folder, { recursive: true, force: true });
  };
  process.on('exit', remove);
  return { folder, remove };
}

/** What npm has linked into `node_modules` from the project itself. */
function ownPackages(root: string): string[] {
  return ['portcullis', ...readdirSync(join(root, 'node_modules', '@portcullis')).map((name) => join('@portcullis', name))];
}
