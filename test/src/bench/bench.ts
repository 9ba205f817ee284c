import { writeFileSync } from 'node:fs';
import { arch, cpus, release, totalmem, type } from 'node:os';
import type { Options } from './arguments.js';
import { BenchError } from './bench-error.js';
import { byCommand, type Contestant, mosquitto, portcullis } from './contestants.js';
import { canReadProcesses } from './generator/process-tree.js';
import { isBad } from './generator/verdict.js';
import { runStep, type StepResult } from './rounds.js';
import { SCENARIOS, SHORT } from './scenarios.js';
import { summarize } from './summary.js';
import { markdownTables, textTable } from './table.js';

/** Where lines go: results, and what happens meanwhile. */
export interface Output {
  readonly print: (text: string) => void;
  readonly tell: (text: string) => void;
}

/** Runs what the options ask for; gives the exit status: 0, or 1 when any run was bad. Throws a BenchError for what needs one line. */
export async function bench(options: Options, { print, tell }: Output): Promise<number> {
  const contestants = contestantsOf(options);
  const machine = describeMachine();
  const started = new Date();
  if (!canReadProcesses())
    tell('This system has no /proc: processor time and memory of a broker cannot be read, only rates and latencies are shown.');
  const results: StepResult[] = [];
  for (const scenario of options.scenarios)
    for (const step of scenario.steps) {
      results.push(await runStep(scenario, step, contestants, options, tell));
      // After each step: an evening of measurements is not lost to a power cut.
      if (options.jsonFile !== null) writeJson(options.jsonFile, started, machine, contestants, options, results);
    }
  const rows = summarize(results);
  const about = [
    `${started.toISOString().slice(0, 10)}, ${machine}`,
    ...contestants.map(({ name, version }) => (name === version ? name : `${name}: ${version}`)),
    `transport ${options.transport}, ${options.rounds} rounds, ${options.warmupSeconds} s warm-up, ${options.seconds} s measured; medians, lower cost is better`,
  ];
  if (options.markdown) print(`${about.map((line) => `- ${line}`).join('\n')}\n\n${markdownTables(rows)}\n`);
  else print(`\n${about.join('\n')}\n\n${textTable(rows)}\n`);
  return results.some(({ runs }) => [...runs.values()].flat().some(({ counts }) => isBad(counts))) ? 1 : 0;
}

function contestantsOf(options: Options): Contestant[] {
  const peers = [
    ...(options.mosquitto ? mosquitto(options.mosquittoPath) : []),
    ...(options.against === null ? [] : [byCommand(options.against, options.againstPort)]),
  ];
  const all = [portcullis(), ...peers];
  // A peer may be a Portcullis, or a Mosquitto beside the ready-made ones.
  return all.map((each, index) =>
    all.findIndex(({ name }) => name === each.name) < index ? { ...each, name: `${each.name} (${index + 1})` } : each,
  );
}

function describeMachine(): string {
  const processors = cpus();
  const memory = Math.round(totalmem() / 1024 ** 3);
  return `${processors.length} × ${processors[0]?.model.trim() ?? 'unknown processor'}, ${memory} GiB, ${type()} ${release()} ${arch()}, Node ${process.version}`;
}

function writeJson(
  file: string,
  started: Date,
  machine: string,
  contestants: readonly Contestant[],
  options: Options,
  results: readonly StepResult[],
): void {
  const document = {
    date: started.toISOString(),
    machine,
    contestants: contestants.map(({ name, version }) => ({ name, version })),
    transport: options.transport,
    rounds: options.rounds,
    warmupSeconds: options.warmupSeconds,
    seconds: options.seconds,
    summary: summarize(results),
    runs: results.map(({ scenario, step, runs }) => ({ scenario: scenario.name, step: step.label, runs: Object.fromEntries(runs) })),
  };
  try {
    writeFileSync(file, `${JSON.stringify(document, null, 1)}\n`);
  } catch (error) {
    throw new BenchError(`cannot write ${file}: ${error instanceof Error ? error.message : error}`);
  }
}

/** What `--list` prints. */
export function scenarioList(): string {
  const width = Math.max(...SCENARIOS.map(({ name }) => name.length));
  return SCENARIOS.map(({ name, description }) => `${SHORT.includes(name) ? '*' : ' '} ${name.padEnd(width)}  ${description}\n`).join('');
}
