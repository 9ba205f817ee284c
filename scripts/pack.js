// `npm run pack`: tarballs of every package in `packed/`, as npm would publish them. For whoever builds against a clone.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const destination = join(root, 'packed');
const plugins = readdirSync(join(root, 'plugins'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
const folders = ['sdk', 'core', join('test', 'kit'), ...plugins.map((entry) => join('plugins', entry.name))];

rmSync(destination, { recursive: true, force: true });
mkdirSync(destination);
const windows = process.platform === 'win32';
const args = ['pack', '--ignore-scripts', '--loglevel=error', '--pack-destination', destination, ...folders.map((folder) => `./${folder}`)];
const result = spawnSync(windows ? 'npm.cmd' : 'npm', args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], shell: windows });
if (result.error) process.stderr.write(`Portcullis could not run npm: ${result.error.message}\n`);
process.exit(result.status ?? 1);
