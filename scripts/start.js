// `npm start`: prepares a fresh clone and becomes the broker; `npm start -- -c other.json` hands arguments on.
// One process and not two joined by the shell, so that the signals that npm passes on reach the broker.
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { prepare } from './prepare.js';

prepare();
const command = join(dirname(fileURLToPath(import.meta.url)), '..', 'core', 'bin', 'portcullis.js');
process.argv = [process.execPath, command, 'serve', '--quickstart', ...process.argv.slice(2)];
await import(pathToFileURL(command).href);
