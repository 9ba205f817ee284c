import { errorText } from '../errors.js';
import { printable } from './print-problems.js';
import { BROKER_OPTIONS, readOptions } from './read-options.js';
import { makePlugin } from './scaffold.js';
import type { Terminal } from './terminal.js';

const USAGE = 'portcullis plugin new NAME [--packages FOLDER]';

/** `portcullis plugin new NAME`: makes the package of a new plugin, in a folder of that name. Resolves with the exit status. */
export async function plugin(argv: readonly string[], terminal: Terminal): Promise<number> {
  let name: string;
  let packages: string | undefined;
  try {
    ({ name, packages } = readArguments(argv));
  } catch (error) {
    terminal.complain(printable(`portcullis: ${errorText(error)}; usage: ${USAGE}`));
    return 2;
  }
  if (name === '') {
    terminal.print(USAGE);
    return 0;
  }
  try {
    const { folder, files } = await makePlugin(name, process.cwd(), packages === undefined ? {} : { packages });
    for (const file of files) terminal.print(`made ${folder}/${file}`);
    terminal.print(`Next: cd ${folder} && npm install && npm test`);
    return 0;
  } catch (error) {
    terminal.complain(printable(`portcullis: ${errorText(error)}`));
    return 1;
  }
}

/** The name is empty when help was asked for. */
function readArguments(argv: readonly string[]): { name: string; packages: string | undefined } {
  const { values, positionals } = readOptions(argv, { packages: { type: 'string' }, help: BROKER_OPTIONS.help });
  const [verb, name, extra] = positionals;
  if (values.help === true) return { name: '', packages: undefined };
  if (verb !== 'new') throw new Error(verb === undefined ? '"plugin" needs a command' : `unknown command "plugin ${verb.slice(0, 64)}"`);
  if (name === undefined || name === '') throw new Error('the new plugin needs a name');
  if (extra !== undefined) throw new Error(`"plugin new" takes one name, not also "${extra.slice(0, 64)}"`);
  if (values.packages === '') throw new Error('--packages needs a folder');
  return { name, packages: values.packages };
}
