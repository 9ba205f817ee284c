// Makes a fresh clone ready: dependencies as the lock file names them, and built code. Quiet when there is nothing to do.
// Plain JavaScript and nothing but Node: it runs before anything is installed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const MINIMUM = [20, 19];
const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** The complaint about a version of Node that is too old, or null. */
export function nodeComplaint(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const enough = major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1]);
  return enough ? null : `Portcullis needs Node >= ${MINIMUM.join('.')}, this is ${version}`;
}

/** Whether the tree that npm wrote down after its last installation is the one that the lock file asks for. */
export function treeMatchesLock(lock, installed) {
  for (const [path, wanted] of Object.entries(lock.packages ?? {})) {
    if (!path.startsWith('node_modules/')) continue;
    const present = installed.packages?.[path];
    // Packages for other platforms are optional and absent, here as everywhere.
    if (present === undefined ? wanted.optional !== true : present.version !== wanted.version) return false;
  }
  return true;
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

function install(stampPath, stamp) {
  process.stderr.write('Installing dependencies (npm ci) …\n');
  const windows = process.platform === 'win32';
  const result = spawnSync(windows ? 'npm.cmd' : 'npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    shell: windows,
  });
  if (result.error) fail(`Portcullis could not run npm: ${result.error.message}`);
  if (result.status !== 0) {
    process.stderr.write(result.stdout + result.stderr);
    fail('Portcullis could not install its dependencies: npm ci failed, see above.');
  }
  writeFileSync(stampPath, stamp);
}

function ensureDependencies() {
  const lockPath = join(root, 'package-lock.json');
  const stampPath = join(root, 'node_modules', '.portcullis-lock');
  const lockText = readFileSync(lockPath);
  // The ABI belongs to it: binaries of an addon may have been chosen for another Node.
  const stamp = `${createHash('sha256').update(lockText).digest('hex')} ${process.versions.modules} ${process.platform}-${process.arch}\n`;
  if (existsSync(stampPath) && readFileSync(stampPath, 'utf8') === stamp) return;
  const installed = readJson(join(root, 'node_modules', '.package-lock.json'));
  const abiChanged = existsSync(stampPath) && readFileSync(stampPath, 'utf8').split(' ').slice(1).join(' ') !== stamp.split(' ').slice(1).join(' ');
  // Whoever ran `npm ci` a moment ago need not wait for it again.
  if (installed !== null && !abiChanged && treeMatchesLock(JSON.parse(lockText.toString()), installed)) writeFileSync(stampPath, stamp);
  else install(stampPath, stamp);
}

/** Builds these projects and what they refer to; without any, everything. */
function build(projects) {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const result = spawnSync(process.execPath, [tsc, '-b', '--pretty', 'false', ...projects], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (result.error) fail(`Portcullis could not run the TypeScript compiler: ${result.error.message}`);
  if (result.status !== 0) fail('Portcullis did not build: the TypeScript compiler reports the errors above.');
}

/** Installs and builds what is missing; ends the process with one line when that is not possible. */
export function prepare(projects = []) {
  const complaint = nodeComplaint(process.versions.node);
  if (complaint !== null) fail(complaint);
  ensureDependencies();
  build(projects);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) prepare();
