// Runs the checks and every test: `npm test`, or `npm test -- session wire` for the files whose path contains one of the words.
// Test files that need PostgreSQL or Redis get real ones, started here and ended here.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
// Campaigns take hours and are started by hand.
const CAMPAIGNS = join('test', 'src', 'campaigns') + sep;
/** Most tests wait for something most of the time. */
const AT_ONCE = Math.min(availableParallelism() + 1, 4);
/** Brokers rehearse for a second and a half of processor time before they listen, unless a test says otherwise: hundreds are started. */
const PORTCULLIS_WARM_UP_MS = process.env.PORTCULLIS_WARM_UP_MS ?? '0';
const DATABASES = [join('test', 'dist', 'databases'), join('test', 'servers')];

function run(command, args, env = {}) {
  // No input: a test that waits for a key must fail here as it would on a build machine.
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...env } });
  if (result.error) process.stderr.write(`${command}: ${result.error.message}\n`);
  return result.status ?? 1;
}

function packageFolders() {
  const plugins = readdirSync(join(root, 'plugins'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return ['sdk', 'core', ...plugins.map((entry) => join('plugins', entry.name)), 'test', join('test', 'kit'), join('test', 'servers')];
}

/** The built file of every test, found through its source: what a removed test left behind in dist is not run. */
function testFiles() {
  const files = [];
  for (const folder of packageFolders()) {
    const source = join(root, folder, 'src');
    if (!existsSync(source)) continue;
    for (const name of readdirSync(source, { recursive: true })) {
      if (!name.endsWith('.test.ts')) continue;
      if (join(folder, 'src', name).startsWith(CAMPAIGNS)) continue;
      files.push(relative(root, join(root, folder, 'dist', name.replace(/\.ts$/, '.js'))));
    }
  }
  return files.sort();
}

function check() {
  const biome = join(root, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');
  const status = run(process.execPath, [biome, 'ci', '--error-on-warnings', '--colors=off', '.']);
  if (status !== 0) process.stderr.write('Format or lint is not clean; `npm run format` mends what can be mended.\n');
  return status;
}

/** Real servers for the test files that need some; null, and a message, when they cannot be had. */
async function servers() {
  const below = (...folders) => files.some((file) => folders.some((folder) => file.startsWith(folder + sep)));
  const needs = { postgres: below(join('plugins', 'postgres'), ...DATABASES), redis: below(join('plugins', 'redis'), ...DATABASES) };
  const { startShared } = await import('../test/servers/dist/index.js');
  try {
    return await startShared(needs);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    return null;
  }
}

async function runTests() {
  const reporter = process.env.CI !== undefined || !process.stdout.isTTY ? 'tap' : 'spec';
  const shared = await servers();
  if (shared === null) return 1;
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-failures-'));
  const failures = join(folder, 'failures');
  writeFileSync(failures, '');
  try {
    const options = [
      '--test',
      `--test-concurrency=${AT_ONCE}`,
      '--test-timeout=120000',
      `--test-reporter=${reporter}`,
      '--test-reporter-destination=stdout',
      `--test-reporter=${pathToFileURL(join(root, 'scripts', 'failures.js'))}`,
      `--test-reporter-destination=${failures}`,
    ];
    return run(process.execPath, ['--enable-source-maps', ...options, ...files], { PORTCULLIS_WARM_UP_MS, ...shared.env });
  } finally {
    await shared.dispose();
    process.stdout.write(readFileSync(failures, 'utf8'));
    rmSync(folder, { recursive: true });
  }
}

const words = process.argv.slice(2).filter((word) => !word.startsWith('-'));
const onlyCheck = process.argv.includes('--check');
const all = testFiles();
const wanted = onlyCheck ? ['architecture'] : words;
const files = wanted.length === 0 ? all : all.filter((file) => wanted.some((word) => file.includes(word)));
if (files.length === 0) {
  process.stderr.write(`No test file has ${wanted.map((word) => JSON.stringify(word)).join(' or ')} in its path.\n`);
  process.exit(1);
}
const checkStatus = words.length === 0 || onlyCheck ? check() : 0;
const testStatus = await runTests();
process.exit(checkStatus === 0 ? testStatus : checkStatus);
