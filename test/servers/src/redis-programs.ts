import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { cached, cacheFolder } from './cache.js';
import { libraryFolders, unpackDebianPackages } from './debian-packages.js';
import { serverEnvironment } from './server-process.js';

/** Version 6 brought users with rights of their own, TLS and the third version of the protocol. */
const OLDEST = 6;
const NAMES = ['redis-server', 'valkey-server'];
// Daemons are often outside the search path of ordinary users.
const SYSTEM_FOLDERS = ['/usr/local/bin', '/usr/local/sbin', '/usr/bin', '/usr/sbin', '/opt/homebrew/bin'];

/** Where to look, for tests of the search itself. */
export interface RedisPlaces {
  /** Folders that may hold `redis-server` or `valkey-server`. */
  readonly folders: readonly string[];
  readonly cache: () => string;
  /** Downloads and unpacks into a folder; the second one is for what is only needed meanwhile. */
  readonly unpack: (folder: string, work: string) => void;
}

export interface RedisProgram {
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
}

const ADVICE = `Tests need Redis ${OLDEST} or newer (or Valkey), and there is none here. Either
  - install it: apt-get install redis-server, or valkey-server (no service needs to run), or
  - make apt-get able to download it (Debian and Ubuntu; it needs no root, nothing is installed), or
  - set PORTCULLIS_TEST_REDIS_URL to a server with empty databases to use; tests that stop and freeze a server still need one
    of the other two.`;

function runs({ path, env }: RedisProgram): boolean {
  try {
    const said = execFileSync(path, ['--version'], { encoding: 'utf8', env: serverEnvironment(env), stdio: ['ignore', 'pipe', 'ignore'] });
    return Number(/\bv=(\d+)/.exec(said)?.[1] ?? 0) >= OLDEST;
  } catch {
    return false;
  }
}

function systemFolders(): string[] {
  return [...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_FOLDERS].filter((folder) => folder !== '');
}

function unpacked(folder: string): RedisProgram | null {
  // In Debian's packages redis-server is a link to redis-check-rdb, which is the same program under another name.
  const path = join(folder, 'usr/bin/redis-server');
  const program = { path, env: { LD_LIBRARY_PATH: libraryFolders(folder) } };
  return existsSync(path) && runs(program) ? program : null;
}

/** Programs that were made for one release of a system do not run on every other. */
function release(): string {
  try {
    const text = readFileSync('/etc/os-release', 'utf8');
    const value = (name: string): string => new RegExp(`^${name}="?([\\w.-]*)`, 'm').exec(text)?.[1] ?? '';
    return `${value('ID')}${value('VERSION_ID')}`;
  } catch {
    return process.platform;
  }
}

/** Finds Redis or Valkey: what the machine has, else Debian's package, unpacked without installing it. */
export function findRedis(places: Partial<RedisPlaces> = {}): RedisProgram {
  const { folders, cache, unpack } = {
    folders: systemFolders(),
    cache: cacheFolder,
    unpack: (folder: string, work: string) => unpackDebianPackages(['redis-server', 'redis-tools'], folder, work),
    ...places,
  };
  for (const path of NAMES.flatMap((name) => folders.map((folder) => join(folder, name)))) {
    const program = { path, env: {} };
    if (existsSync(path) && runs(program)) return program;
  }
  try {
    const folder = cached(cache(), `redis-${release()}-${process.arch}`, (made) => unpacked(made) !== null, unpack);
    const program = unpacked(folder);
    if (program !== null) return program;
    throw new Error('what was unpacked does not run');
  } catch (error) {
    throw new Error(`${ADVICE}\nWhat went wrong: ${error instanceof Error ? error.message : error}`);
  }
}
