import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { errorText, PortcullisError } from '../errors.js';
import { check } from './check.js';
import { HELP } from './help.js';
import { plugin } from './plugin.js';
import { printable } from './print-problems.js';
import { printSchema } from './schema.js';
import type { Terminal } from './terminal.js';

export interface ServeOptions {
  readonly configFile: string;
  readonly quickstart: boolean;
  readonly env: NodeJS.ProcessEnv;
}

const COMMANDS = ['serve', 'check', 'schema'];
const SEE_HELP = 'see "portcullis --help"';

/** Runs one command line; resolves with the exit status. */
export async function run(argv: readonly string[], terminal: Terminal, serve: (options: ServeOptions) => Promise<number>): Promise<number> {
  // With arguments of its own.
  if (argv[0] === 'plugin') return plugin(argv.slice(1), terminal);
  let command: CommandLine;
  try {
    command = readCommandLine(argv);
  } catch (error) {
    terminal.complain(printable(`portcullis: ${errorText(error)}; ${SEE_HELP}`));
    return 2;
  }
  const { name, configFile, configGiven, quickstart } = command;
  try {
    switch (name) {
      case 'help':
        terminal.print(HELP);
        return 0;
      case 'version':
        terminal.print(version());
        return 0;
      case 'check':
        return await check(configFile, terminal);
      case 'schema':
        return await printSchema(configFile, !configGiven, terminal);
      default:
        return await serve({ configFile, quickstart, env: terminal.env });
    }
  } catch (error) {
    terminal.complain(printable(`portcullis: ${errorText(error)}`));
    // An error of ours explains itself; of any other, the administrator needs to report where it came from.
    if (!(error instanceof PortcullisError) && error instanceof Error)
      for (const line of error.stack?.split('\n') ?? []) terminal.complain(printable(line));
    return 1;
  }
}

interface CommandLine {
  readonly name: string;
  readonly configFile: string;
  readonly configGiven: boolean;
  readonly quickstart: boolean;
}

/** Throws an error whose message is one clause for the user. */
function readCommandLine(argv: readonly string[]): CommandLine {
  const { values, positionals } = parse(argv);
  const [given = 'serve', extra] = positionals;
  const name = values.help === true ? 'help' : values.version === true ? 'version' : given;
  if (!COMMANDS.includes(given)) throw new Error(`unknown command "${given.slice(0, 64)}"`);
  if (extra !== undefined) throw new Error(`"${given}" takes no argument "${extra.slice(0, 64)}"`);
  if (values.quickstart === true && given !== 'serve') throw new Error(`"${given}" does not take --quickstart`);
  if (values.config === '') throw new Error('--config needs the path of a file');
  return { name, configFile: values.config ?? 'plugins.json', configGiven: values.config !== undefined, quickstart: values.quickstart === true };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        config: { type: 'string', short: 'c' },
        quickstart: { type: 'boolean' },
        version: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    // Node goes on with advice about positional arguments, which helps nobody here.
    const [first = ''] = errorText(error).split(/\.\s|\n/);
    throw new Error(first.charAt(0).toLowerCase() + first.slice(1), { cause: error });
  }
}

function version(): string {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  return manifest.version;
}
