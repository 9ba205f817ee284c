import { errorText, PortcullisError } from '../errors.js';
import { check } from './check.js';
import { HELP } from './help.js';
import { plugin } from './plugin.js';
import { printable } from './print-problems.js';
import { BROKER_OPTIONS, readOptions } from './read-options.js';
import { reload } from './reload.js';
import { printSchema } from './schema.js';
import { status } from './status.js';
import type { Terminal } from './terminal.js';
import { version } from './version.js';

export interface ServeOptions {
  readonly configFile: string;
  readonly quickstart: boolean;
  readonly env: NodeJS.ProcessEnv;
}

/** The commands, and the options that each takes besides --config. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  serve: ['quickstart'],
  check: ['probe'],
  schema: [],
  reload: ['socket', 'json'],
  status: ['socket', 'json'],
};
const SEE_HELP = 'see "portcullis --help"';

/** Runs one command line; resolves with the exit status. */
export async function run(argv: readonly string[], terminal: Terminal, serve: (options: ServeOptions) => Promise<number>): Promise<number> {
  // With arguments of their own.
  if (argv[0] === 'explain') return reporting(terminal, async () => (await import('./explain.js')).explain(argv.slice(1), terminal));
  if (argv[0] === 'session') return reporting(terminal, async () => (await import('./session.js')).session(argv.slice(1), terminal));
  if (argv[0] === 'plugin') return plugin(argv.slice(1), terminal);
  let command: CommandLine;
  try {
    command = readCommandLine(argv);
  } catch (error) {
    terminal.complain(printable(`portcullis: ${errorText(error)}; ${SEE_HELP}`));
    return 2;
  }
  const { name, configFile, configGiven, quickstart, probe, socket, json } = command;
  return reporting(terminal, async () => {
    switch (name) {
      case 'help':
        terminal.print(HELP);
        return 0;
      case 'version':
        terminal.print(version());
        return 0;
      case 'check':
        return probe ? await (await import('./probe.js')).probe(configFile, terminal) : await check(configFile, terminal);
      case 'schema':
        return await printSchema(configFile, !configGiven, terminal);
      case 'reload':
        return await reload({ configFile, socket }, json, terminal);
      case 'status':
        return await status({ configFile, socket }, json, terminal);
      default:
        return await serve({ configFile, quickstart, env: terminal.env });
    }
  });
}

/** Resolves with the exit status; what the work throws is said, and makes it 1. */
async function reporting(terminal: Terminal, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
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
  readonly probe: boolean;
  readonly socket: string | null;
  readonly json: boolean;
}

/** Throws an error whose message is one clause for the user. */
function readCommandLine(argv: readonly string[]): CommandLine {
  const { values, positionals } = readOptions(argv, OPTIONS);
  const [given = 'serve', extra] = positionals;
  const name = values.help === true ? 'help' : values.version === true ? 'version' : given;
  const takes = Object.hasOwn(COMMANDS, given) ? COMMANDS[given] : undefined;
  if (given === 'explain' || given === 'session') throw new Error(`"${given}" stands before its options`);
  if (takes === undefined) throw new Error(`unknown command "${given.slice(0, 64)}"`);
  if (extra !== undefined) throw new Error(`"${given}" takes no argument "${extra.slice(0, 64)}"`);
  for (const option of ['quickstart', 'probe', 'socket', 'json'] as const) {
    if (values[option] !== undefined && !takes.includes(option)) throw new Error(`"${given}" does not take --${option}`);
  }
  if (values.config === '') throw new Error('--config needs the path of a file');
  if (values.socket === '') throw new Error('--socket needs the path of a socket');
  const { quickstart = false, probe = false, socket = null, json = false } = values;
  return { name, configFile: values.config ?? 'plugins.json', configGiven: values.config !== undefined, quickstart, probe, socket, json };
}

const OPTIONS = {
  ...BROKER_OPTIONS,
  quickstart: { type: 'boolean' },
  probe: { type: 'boolean' },
  version: { type: 'boolean' },
} as const;
