import { startBroker } from './broker-run.js';
import type { Contestant } from './contestants.js';
import { describeCounts, fail, isBad } from './generator/verdict.js';
import { broken, runInProcess } from './generator-process.js';
import type { Measurement, RunResult, Transport } from './load.js';
import type { Scenario, Step } from './scenarios.js';

/** Time for everything in a run, a million subscriptions included. */
const DEADLINE_SECONDS = 240;

export interface RoundOptions {
  readonly transport: Transport;
  readonly rounds: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly startSeconds: number;
}

/** All runs of one step of a scenario, by contestant. */
export interface StepResult {
  readonly scenario: Scenario;
  readonly step: Step;
  readonly runs: ReadonlyMap<string, readonly RunResult[]>;
}

/** Runs a step in rounds; in each, another contestant is the first, so that a machine that slows down slows down all alike. */
export async function runStep(
  scenario: Scenario,
  step: Step,
  contestants: readonly Contestant[],
  options: RoundOptions,
  tell: (line: string) => void,
): Promise<StepResult> {
  const runs = new Map<string, RunResult[]>(contestants.map(({ name }) => [name, []]));
  for (let round = 0; round < options.rounds; round++) {
    const first = round % contestants.length;
    for (const contestant of [...contestants.slice(first), ...contestants.slice(0, first)]) {
      const result = await runOnce(contestant, step, options);
      runs.get(contestant.name)?.push(result);
      const title = [scenario.name, step.label].filter((part) => part !== '').join(' ');
      tell(`${title}, round ${round + 1}, ${contestant.name}: ${result.measurements.map(brief).join(', ')}${outcome(result)}`);
    }
  }
  return { scenario, step, runs };
}

/** One run on a broker of its own, which is ended whatever happens. */
async function runOnce(contestant: Contestant, step: Step, options: RoundOptions): Promise<RunResult> {
  const broker = await startBroker(contestant, step, options.transport, options.startSeconds);
  try {
    const result = await runInProcess({
      load: step.load,
      target: broker.target,
      logins: broker.files.logins,
      brokerPid: broker.pid,
      warmupSeconds: options.warmupSeconds,
      seconds: options.seconds,
      deadlineSeconds: DEADLINE_SECONDS,
    });
    const end = broker.ended();
    if (end !== null) fail(result.counts, `the broker ${end}`);
    return result;
  } catch (error) {
    return broken(error instanceof Error ? error.message : String(error));
  } finally {
    await broker.stop();
  }
}

function brief({ row, headline, unit }: Measurement): string {
  return `${row === '' ? '' : `${row} `}${headline === null ? '–' : headline.toPrecision(3)} ${unit}`;
}

function outcome({ counts }: RunResult): string {
  return isBad(counts) ? ` BAD: ${describeCounts(counts)}` : '';
}
