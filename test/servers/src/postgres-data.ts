import { execFile, execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cached, cacheFolder } from './cache.js';
import { copyOwned, makeOwned, writeOwned } from './owned-files.js';
import type { PostgresPrograms } from './postgres-programs.js';
import { serverEnvironment, unprivileged } from './server-process.js';

const run = promisify(execFile);
const COUNT_FILE = 'number-of-files';

function failed(what: string, error: unknown): Error {
  const { stderr = '', message } = error as Error & { stderr?: string };
  return new Error(`PostgreSQL's ${what} failed: ${stderr.trim() || message}`);
}

function countFiles(folder: string): number {
  return readdirSync(folder, { recursive: true }).length;
}

function isComplete(folder: string): boolean {
  try {
    return countFiles(join(folder, 'data')) === Number(readFileSync(join(folder, COUNT_FILE), 'utf8'));
  } catch {
    return false;
  }
}

function initialise(programs: PostgresPrograms, folder: string): void {
  const data = join(folder, 'data');
  makeOwned(data);
  // Small segments of the log: a new server has one of them copied.
  const args = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync', '--wal-segsize=1'];
  try {
    execFileSync(programs.initdb, args, { cwd: '/', env: serverEnvironment({}), encoding: 'utf8', stdio: 'pipe', ...unprivileged() });
  } catch (error) {
    throw failed('initdb', error);
  }
  writeFileSync(join(folder, COUNT_FILE), String(countFiles(data)));
}

/** Makes a new cluster in an empty folder. `initdb` runs once for each version; what it made is copied, in a fifth of the time. */
export function newCluster(programs: PostgresPrograms, data: string): void {
  const version = programs.version.replace(/[^\w.+-]+/g, '-');
  const template = cached(cacheFolder(), `data-${version}`, isComplete, (folder) => initialise(programs, folder));
  copyOwned(join(template, 'data'), data);
}

/** Gives the user `postgres` a password, and has clients prove themselves by `auth`, before the server runs. */
export async function secureCluster(programs: PostgresPrograms, data: string, auth: string, password: string): Promise<void> {
  const rules = ['host all all 127.0.0.1/32', 'host replication all 127.0.0.1/32'].map((rule) => `${rule} ${auth}\n`);
  writeOwned(join(data, 'pg_hba.conf'), rules.join(''));
  if (password === '') return;
  const running = run(programs.postgres, ['--single', '-D', data, '-c', 'fsync=off', 'postgres'], {
    cwd: '/',
    env: serverEnvironment({}),
    ...unprivileged(),
  });
  running.child.stdin?.end(`ALTER ROLE postgres PASSWORD '${password.replaceAll("'", "''")}'\n`);
  try {
    const { stderr } = await running;
    if (/ERROR|FATAL/.test(stderr)) throw new Error(stderr);
  } catch (error) {
    throw failed('setting of a password', error);
  }
}

/**
 * Gives back the piece of the system's shared memory by which a killed server would have known that it has to recover: the
 * last number of the seventh line in the file of its postmaster. A server that ended by itself has removed both.
 */
export function releaseMemory(data: string): void {
  try {
    const [, id] = /^\s*\d+\s+(\d+)\s*$/.exec(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[6] ?? '') ?? [];
    if (id !== undefined) execFileSync('ipcrm', ['-m', id], { stdio: 'ignore' });
  } catch {
    // No such file: it ended by itself. No such program: a few bytes stay until the machine restarts.
  }
}
