import type { Broker } from '../broker.js';
import { type ControlCommand, type ControlProblem, refusal } from '../control/index.js';
import { explainAnswer } from './explain-request.js';
import type { Reloader } from './reloader.js';
import { sessionsAnswer } from './session-request.js';
import { statusAnswer } from './status-answer.js';

/** What the commands of the control socket work on. */
export interface ControlledBroker {
  readonly broker: Broker;
  readonly reloader: Reloader;
  /** Absolute path. */
  readonly configFile: string;
  /** When the process began to serve, in milliseconds since the epoch. */
  readonly startedAt: number;
}

/** Problems in one answer; whoever has more mends these first. */
const MAX_PROBLEMS = 100;

/** The commands of the control socket, by name. `controlled` is asked when one comes. */
export function controlCommands(controlled: () => ControlledBroker): ReadonlyMap<string, ControlCommand> {
  return new Map<string, ControlCommand>([
    ['explain', (request) => explainAnswer(controlled().broker, request)],
    ['sessions', (request) => sessionsAnswer(controlled().broker.sessions, request)],
    ['status', () => statusAnswer(controlled()) ?? refusal('the broker is still starting')],
    [
      'reload',
      async () => {
        const { reloader, broker } = controlled();
        const { ok, problems, warnings, ...rest } = await reloader.reload('command');
        const generation = broker.status()?.generation.number ?? 0;
        const told = { ...rest, generation, warnings: few(warnings), omitted: Math.max(0, problems.length - MAX_PROBLEMS) };
        return ok ? { ok, ...told } : { ok, problems: few(problems), ...told };
      },
    ],
  ]);
}

function few(problems: readonly ControlProblem[]): readonly ControlProblem[] {
  return problems.slice(0, MAX_PROBLEMS);
}
