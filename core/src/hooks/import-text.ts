import { execFile } from 'node:child_process';
import { errorText } from '../errors.js';
import { below, placeOf, UNPARSED } from './place.js';

const CHECK_MS = 5000;
const NO_MODULE = /^(?:module|exports|require) is not defined in ES module scope/;

/** Why a module could not be imported, in a line, with the place in the plugin's code as far as that can be found. Never rejects. */
export async function importText(error: unknown, file: string, root: string): Promise<string> {
  const [text = ''] = errorText(error).split('\n', 1);
  const hint = NO_MODULE.test(text) ? '; the package is "type": "module": write "export default", or call the file index.cjs' : '';
  const at = placeOf(error, root)?.at ?? (isSyntaxError(error) ? await unparsedAt(file, root) : null);
  return `importing ${file} failed: ${text}${hint}${at === null ? '' : ` (at ${at})`}`;
}

/** The error of an import does not tell where a module does not parse; Node tells when it is to check the file, which it does without running any of it. */
function unparsedAt(file: string, root: string): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['--check', file], { env: {}, timeout: CHECK_MS }, (_error, _stdout, stderr) => {
      const [, path, line] = UNPARSED.exec(stderr.split('\n', 1)[0] ?? '') ?? [];
      const found = path === undefined ? null : below(path, root);
      resolve(found === null ? null : `${found}:${line}`);
    });
  });
}

function isSyntaxError(error: unknown): boolean {
  try {
    return error instanceof SyntaxError;
  } catch {
    return false;
  }
}
