// `npm start`: prepares a fresh clone and becomes the broker; `npm start -- -c other.json` hands arguments on.
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { prepare } from './prepare.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const plugins = readdirSync(join(root, 'plugins'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
prepare(['core', ...plugins.map((entry) => join('plugins', entry.name))]);
// npm hands a signal to its shell, and some shells die of it without telling anybody: without this, a broker would stay behind.
const shell = process.ppid;
setInterval(() => {
  if (process.ppid !== shell) process.kill(process.pid, 'SIGTERM');
}, 500).unref();
const command = join(root, 'core', 'bin', 'portcullis.js');
process.argv = [process.execPath, command, 'serve', '--quickstart', ...process.argv.slice(2)];
await import(pathToFileURL(command).href);
