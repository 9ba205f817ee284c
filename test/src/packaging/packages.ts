import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Folders of everything that is published, the SDK first. */
export function publishedFolders(): string[] {
  const plugins = readdirSync(join(ROOT, 'plugins'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return ['sdk', 'core', 'test/kit', ...plugins.map((entry) => `plugins/${entry.name}`)];
}

/** A manifest as far as these tests look into it. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly engines?: { readonly node?: string };
  readonly dependencies?: Readonly<Record<string, string>>;
}

export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

/** Runs npm without its chatter, and without the settings that the npm around us puts into the environment. */
export function npm(cwd: string, args: readonly string[]): string {
  const env: NodeJS.ProcessEnv = { npm_config_update_notifier: 'false', npm_config_fund: 'false', npm_config_audit: 'false' };
  // The test runner around us tells its children by a variable to report to it, and in no form that can be read.
  for (const [name, value] of Object.entries(process.env))
    if (!/^npm_(?:config_(?:local_prefix|workspace)|package|lifecycle)|^NODE_TEST_CONTEXT$/.test(name)) env[name] = value;
  try {
    return execFileSync('npm', args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 100_000 });
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`npm ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error });
  }
}

/** Packs a folder; gives the path of the tarball. */
export function pack(folder: string, destination: string): string {
  mkdirSync(destination, { recursive: true });
  const report = JSON.parse(npm(folder, ['pack', '--json', '--ignore-scripts', '--pack-destination', destination])) as unknown;
  // npm gives a list of reports, or since version 11 possibly an object by package name.
  const [first] = Array.isArray(report) ? report : Object.values(report as object);
  const name = basename((first as { filename: string }).filename);
  // Scoped packages are reported as @scope/name by some versions of npm and as scope-name by others.
  const path = [name, readdirSync(destination).find((file) => file.endsWith(name))]
    .map((file) => join(destination, file ?? ''))
    .find((file) => file.endsWith('.tgz') && existsSync(file));
  if (path === undefined) throw new Error(`npm pack in ${folder} left no tarball`);
  return path;
}

/** Names of the files in a tarball, without the leading `package/`. */
export function tarballFiles(tarball: string): string[] {
  const list = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' });
  return list
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/^package\//, ''));
}

/** Copies a package and packs it with another manifest, as its author would for the next release. */
export function packAs(folder: string, changes: Readonly<Record<string, unknown>>, work: string, edit?: (copy: string) => void): string {
  const copy = join(work, 'source');
  cpSync(join(ROOT, folder), copy, { recursive: true, filter: (path) => basename(path) !== 'node_modules' });
  writeFileSync(join(copy, 'package.json'), JSON.stringify({ ...readManifest(copy), ...changes }, null, 2));
  edit?.(copy);
  return pack(copy, work);
}
