import { basename, dirname, resolve } from 'node:path';
import { Broker } from '../broker.js';
import type { Problem } from '../config/index.js';
import { ERRORS, errorText, PortcullisError } from '../errors.js';
import { installEscapeHandlers, StartError } from '../hooks/index.js';
import { Logger } from '../log.js';
import { controlCommands } from './control-commands.js';
import { ControlSocket } from './control-socket.js';
import { growDescriptorTable } from './descriptor-table.js';
import { printFirstSteps, reachableListeners } from './first-steps.js';
import { type Everything, loadEverything, type NotLoaded } from './load-all.js';
import { printable, problemLines } from './print-problems.js';
import { ensureQuickstart, printAdministrator } from './quickstart.js';
import { rehearse } from './rehearsal.js';
import { Reloader, readText } from './reloader.js';
import { remarkWarnings } from './remarks.js';
import type { ServeOptions } from './run.js';

const REHEARSAL_MS = 1500;

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const complain = (line: string): void => void process.stderr.write(`${line}\n`);

/** Runs the broker until a signal stops it; resolves with the exit status. */
export async function serve(options: ServeOptions): Promise<number> {
  const configFile = resolve(options.configFile);
  const created = options.quickstart ? (await ensureQuickstart(dirname(configFile), { fileName: basename(configFile) })).created : null;
  if (created !== null) printAdministrator(created, print);
  const text = await readText(configFile);
  const everything = await loadEverything(configFile, options.env);
  if ('problems' in everything) return report(options.configFile, everything);
  warn(options.configFile, everything.warnings);
  const log = new Logger(complain, everything.config.logLevel);
  const broker = new Broker({ ...everything, log });
  const uninstall = installEscapeHandlers(log, broker.stats, () => broker.pluginRoots);
  const startedAt = Date.now();
  const control = new ControlSocket(
    controlCommands(() => ({ broker, reloader, configFile, startedAt })),
    log,
  );
  const { env, configFile: shownFile } = options;
  const reloader = new Reloader({ broker, log, control, configFile, shownFile, env, complain, initial: everything, text });
  let stopped = false;
  // Signals are ours before anything is started that would have to be ended, and before anybody reads that they may be sent.
  const over = new Promise<number>((done) => {
    const stop = (): void => {
      stopped = true;
      control.close();
      broker.stop().then(
        () => {
          uninstall();
          done(0);
        },
        (error: unknown) => {
          complain(printable(log.hide(`portcullis: ${errorText(error)}`)));
          done(1);
        },
      );
    };
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
    process.on('SIGHUP', () => void reloader.reload('SIGHUP'));
  });
  try {
    const warmUpMs = rehearsalMs(options.env);
    await rehearse(everything, warmUpMs, () => stopped);
    if (warmUpMs > 0) growDescriptorTable(everything.config.limits.maxConnections);
    if (stopped) return over;
    await broker.start();
    await openControl(control, broker, everything);
  } catch (error) {
    if (stopped) return over;
    uninstall();
    if (error instanceof StartError) for (const line of startLines(options.configFile, everything, error)) complain(line);
    else complain(printable(log.hide(`portcullis: ${errorText(error)}`)));
    if (!(error instanceof PortcullisError) && error instanceof Error) complain(printable(log.hide(error.stack ?? '')));
    return 1;
  }
  warn(options.configFile, remarkWarnings(everything.document, broker.remarks, everything.warnings));
  for (const listener of broker.listeners) print(`listening name=${listener.name} url=${listener.url}`);
  if (created !== null) printFirstSteps(created, reachableListeners(broker.listeners, everything.config), print);
  print('Portcullis is ready');
  return over;
}

function warn(file: string, warnings: readonly Problem[]): void {
  for (const warning of warnings) for (const line of problemLines(file, [warning])) complain(`warning: ${line}`);
}

/** The last to be there: whoever finds the socket finds a broker that is ready. Rejects, with nothing left running, when it cannot be made. */
async function openControl(control: ControlSocket, broker: Broker, { config }: Everything): Promise<void> {
  try {
    (await control.prepare(config)).commit();
  } catch (error) {
    await broker.stop();
    throw error;
  }
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

function report(file: string, { problems, missing }: NotLoaded): number {
  for (const line of problemLines(file, problems)) complain(line);
  if (!missing) complain(`portcullis: ${file} has ${problems.length} problem${problems.length === 1 ? '' : 's'}; nothing was started`);
  return 1;
}
