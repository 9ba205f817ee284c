import { readFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { Broker } from '../broker.js';
import { ERRORS, errorText, PortcullisError } from '../errors.js';
import { installEscapeHandlers, StartError } from '../hooks/index.js';
import { Logger } from '../log.js';
import { growDescriptorTable } from './descriptor-table.js';
import { printFirstSteps, reachableListeners } from './first-steps.js';
import { type Everything, loadEverything, type NotLoaded } from './load-all.js';
import { printable, problemLines } from './print-problems.js';
import { ensureQuickstart, printAdministrator } from './quickstart.js';
import { rehearse } from './rehearsal.js';
import type { ServeOptions } from './run.js';

const REHEARSAL_MS = 1500;

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const complain = (line: string): void => void process.stderr.write(`${line}\n`);

/** Runs the broker until a signal stops it; resolves with the exit status. */
export async function serve(options: ServeOptions): Promise<number> {
  const configFile = resolve(options.configFile);
  const created = options.quickstart ? (await ensureQuickstart(dirname(configFile), { fileName: basename(configFile) })).created : null;
  if (created !== null) printAdministrator(created, print);
  let text = await readText(configFile);
  const everything = await loadEverything(configFile, options.env);
  if ('problems' in everything) return report(options.configFile, everything);
  for (const warning of everything.warnings) for (const line of problemLines(options.configFile, [warning])) complain(`warning: ${line}`);
  const log = new Logger(complain, everything.config.logLevel);
  const broker = new Broker({ ...everything, log });
  const uninstall = installEscapeHandlers(log, broker.stats, () => broker.pluginRoots);
  let stopped = false;
  // Signals are ours before anything is started that would have to be ended, and before anybody reads that they may be sent.
  const over = new Promise<number>((done) => {
    const stop = (): void => {
      stopped = true;
      broker.stop().then(
        () => {
          uninstall();
          done(0);
        },
        (error: unknown) => {
          complain(printable(`portcullis: ${errorText(error)}`));
          done(1);
        },
      );
    };
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
    process.on('SIGHUP', () => {
      reload(broker, log, options, configFile, text).then(
        (now) => {
          text = now;
        },
        (error: unknown) => log.error({ cause: errorText(error) }, 'reload refused: everything stays as it was'),
      );
    });
  });
  try {
    const warmUpMs = rehearsalMs(options.env);
    await rehearse(everything, warmUpMs, () => stopped);
    if (warmUpMs > 0) growDescriptorTable(everything.config.limits.maxConnections);
    if (stopped) return over;
    await broker.start();
  } catch (error) {
    if (stopped) return over;
    uninstall();
    if (error instanceof StartError) for (const line of startLines(options.configFile, everything, error)) complain(line);
    else complain(printable(`portcullis: ${errorText(error)}`));
    if (!(error instanceof PortcullisError) && error instanceof Error) complain(printable(error.stack ?? ''));
    return 1;
  }
  for (const listener of broker.listeners) print(`listening name=${listener.name} url=${listener.url}`);
  if (created !== null) printFirstSteps(created, reachableListeners(broker.listeners, everything.config), print);
  print('Portcullis is ready');
  return over;
}

/** How long the rehearsal before the start may take, in milliseconds. Throws when the variable says nothing that can be meant. */
function rehearsalMs({ PORTCULLIS_WARM_UP_MS: set }: NodeJS.ProcessEnv): number {
  if (set === undefined) return REHEARSAL_MS;
  if (!/^[0-9]{1,5}$/.test(set)) throw new PortcullisError(ERRORS.config, 'PORTCULLIS_WARM_UP_MS is no number of milliseconds from 0 to 99999');
  return Number(set);
}

/** Problems that only the start of the plugins could find, at their places in the file. */
function startLines(file: string, { document }: Everything, error: StartError): string[] {
  return problemLines(
    file,
    error.problems.map(({ path, message }) => document.json.problemAtKey(path, message)),
  );
}

/** SIGHUP: a changed configuration is put in force as a whole; with the same one, plugins read their files again. Resolves with the text in force. */
async function reload(broker: Broker, log: Logger, options: ServeOptions, configFile: string, before: string | null): Promise<string | null> {
  const text = await readText(configFile);
  if (text !== null && text === before) {
    await broker.reloadPlugins();
    log.info({}, 'SIGHUP: the configuration is as before; listeners and plugins were told to read their files again');
    return text;
  }
  const everything = await loadEverything(configFile, options.env);
  if ('problems' in everything) {
    for (const line of problemLines(options.configFile, everything.problems)) complain(line);
    throw new Error(`${options.configFile} has ${everything.problems.length} problem(s)`);
  }
  for (const warning of everything.warnings) for (const line of problemLines(options.configFile, [warning])) complain(`warning: ${line}`);
  try {
    await broker.reload(everything);
  } catch (error) {
    if (error instanceof StartError) for (const line of startLines(options.configFile, everything, error)) complain(line);
    throw error;
  }
  log.setLevel(everything.config.logLevel);
  log.info({ file: options.configFile }, 'reloaded the configuration');
  return text;
}

async function readText(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    return null;
  }
}

function report(file: string, { problems, missing }: NotLoaded): number {
  for (const line of problemLines(file, problems)) complain(line);
  if (!missing) complain(`portcullis: ${file} has ${problems.length} problem${problems.length === 1 ? '' : 's'}; nothing was started`);
  return 1;
}
