import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const APT_MS = 100_000;

/**
 * Downloads Debian packages, with the libraries that this system lacks, and unpacks them into `folder` without installing
 * anything. Needs no root. `work` is a folder for what is only needed meanwhile; `keep` says which further packages to take.
 */
export function unpackDebianPackages(packages: readonly string[], folder: string, work: string, keep: (name: string) => boolean = () => true): void {
  for (const file of download(packages, work, keep)) execFileSync('dpkg', ['-x', file, folder], { stdio: 'pipe' });
}

function download(packages: readonly string[], work: string, keep: (name: string) => boolean): string[] {
  try {
    return downloadWith(packages, work, keep, []);
  } catch {
    // Package lists that are missing or older than what the server still has: fetch own ones, beside the system's.
    const options = ['-o', `Dir::State::Lists=${join(work, 'lists')}`, '-o', `Dir::Cache=${join(work, 'cache')}`];
    mkdirSync(join(work, 'lists', 'partial'), { recursive: true });
    mkdirSync(join(work, 'cache', 'archives', 'partial'), { recursive: true });
    apt(work, options, ['update']);
    return downloadWith(packages, work, keep, options);
  }
}

function downloadWith(packages: readonly string[], work: string, keep: (name: string) => boolean, options: readonly string[]): string[] {
  const plan = apt(work, options, ['install', '-s', '--no-install-recommends', ...packages]);
  const wanted = [...plan.matchAll(/^Inst (\S+)/gm)].map(([, name = '']) => name);
  apt(work, options, ['download', ...new Set([...wanted.filter(keep), ...packages])]);
  return readdirSync(work)
    .filter((name) => name.endsWith('.deb'))
    .map((name) => join(work, name));
}

function apt(cwd: string, options: readonly string[], command: readonly string[]): string {
  // Without the sandbox user apt would want to give the folder to somebody else.
  return execFileSync('apt-get', ['-q', '-o', 'APT::Sandbox::User=', ...options, ...command], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: APT_MS,
    env: { ...process.env, LC_ALL: 'C' },
  });
}

/** The folders of libraries in a tree of unpacked packages, for `LD_LIBRARY_PATH`. */
export function libraryFolders(root: string): string {
  const folders = ['usr/lib', 'lib'].map((name) => join(root, name)).filter((folder) => existsSync(folder));
  const inside = (folder: string): string[] =>
    readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [join(folder, entry.name)] : []));
  return folders.flatMap((folder) => [folder, ...inside(folder)]).join(':');
}
