import { resolve } from 'node:path';
import { controlSocket, parseConfigFile } from '../config/index.js';
import { askBroker, NoAnswer } from '../control/client.js';
import type { ControlAnswer, ControlProblem, ControlRequest } from '../control/index.js';
import { printable, problemLines } from './print-problems.js';
import type { Terminal } from './terminal.js';

/** Exit status when nobody answers on the control socket. */
export const NO_BROKER = 3;

export interface BrokerAddress {
  /** As the administrator wrote it. */
  readonly configFile: string;
  /** The socket that was given instead of that of the file, or null. */
  readonly socket: string | null;
}

/**
 * Sends a request to the broker that runs with a configuration. Resolves with its answer, also when that is a refusal; or, after it has said what is
 * wrong, with the exit status.
 */
export async function askRunning(
  { configFile, socket }: BrokerAddress,
  request: ControlRequest,
  timeoutMs: number | null,
  terminal: Terminal,
): Promise<ControlAnswer | number> {
  const path = socket === null ? await socketOf(configFile, terminal) : resolve(socket);
  if (typeof path === 'number') return path;
  try {
    return await askBroker(path, request, timeoutMs);
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    terminal.complain(printable(`portcullis: the control socket ${path} ${error.message}`));
    return NO_BROKER;
  }
}

/** Only the one key is looked at: what else is wrong with the file is the broker's to say. */
async function socketOf(configFile: string, terminal: Terminal): Promise<string | number> {
  const parsed = await parseConfigFile(configFile);
  const { path, problems } = 'problems' in parsed ? { path: null, problems: parsed.problems } : controlSocket(parsed.document);
  for (const line of problemLines(configFile, problems)) terminal.complain(line);
  if (problems.length > 0) {
    terminal.complain('portcullis: the control socket is named there; --socket reaches a broker that runs without the file');
    return 1;
  }
  if (path !== null) return path;
  terminal.complain(
    printable(`portcullis: ${configFile} names no control socket; add "control": { "socket": "data/control.sock" } and restart, or give --socket`),
  );
  return NO_BROKER;
}

/** Problems that the broker found, as lines; those of the file that was named on the command line under that name. */
export function answeredLines(configFile: string, problems: readonly ControlProblem[]): string[] {
  const here = resolve(configFile);
  return problems.flatMap((problem) => {
    const { file, message, hint } = problem;
    if (file === null) return [printable(`portcullis: ${message}${hint === null ? '' : ` — ${hint}`}`)];
    return problemLines(file === here ? configFile : file, [problem]);
  });
}
