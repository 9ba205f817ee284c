import { resolve } from 'node:path';
import { MAX_SOCKET_PATH_BYTES } from './listener-options.js';
import type { Problem } from './problem.js';
import type { ConfigDocument } from './types.js';

const AT = ['control', 'socket'];
const RELATIVE = 'a path to a file that need not be there, relative to the folder of this file: "data/control.sock"';

/** The absolute path of the control socket that a file names; null when it names none, or no sound one. Looks at nothing else in the file. */
export function controlSocket(document: ConfigDocument): { readonly path: string | null; readonly problems: readonly Problem[] } {
  const { json, folder } = document;
  const given = json.node(AT)?.value;
  // What is no text is for the schema to say.
  if (typeof given !== 'string' || given === '') return { path: null, problems: [] };
  const wrong = (message: string, hint: string) => ({ path: null, problems: [json.problem(AT, message, hint)] });
  if (given.startsWith('unix:')) return wrong('is a url', 'write the path alone, without "unix:"');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
  if (/[\u0000-\u001f\u007f]/.test(given) || /(?:^|\/)\.{0,2}$/.test(given)) return wrong('has no valid path', `expected ${RELATIVE}`);
  const path = resolve(folder, given);
  const bytes = Buffer.byteLength(path);
  if (bytes <= MAX_SOCKET_PATH_BYTES) return { path, problems: [] };
  return wrong(
    `the path of the socket has ${bytes} bytes, and at most ${MAX_SOCKET_PATH_BYTES} are possible`,
    'choose a shorter one, for example below /run',
  );
}
