import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { openFiles, residentBytes, until } from '../fuzz/process-figures.js';
import type { BrokerProcess } from '../support/broker-process.js';
import type { AttackOrder } from './attack-process.js';
import { startBroker } from './broker.js';
import type { Health, Latencies } from './healthy-pairs.js';
import { sleep } from './line.js';
import { Worker } from './worker.js';

export interface CampaignOptions {
  readonly names: readonly string[];
  /** Seconds of each phase with an attack and without one, and how often they alternate. */
  readonly attackSeconds: number;
  readonly controlSeconds: number;
  readonly rounds: number;
  readonly scale: number;
  /** Most that the p99 of the healthy clients may be, as a multiple of that without an attack. */
  readonly mostRatio: number;
  readonly print: (line: string) => void;
}

const PER_SECOND = 200;
const MIB = 1024 * 1024;
/** What the memory of the process may keep of one attack after its first round: heaps shrink late, but they must not grow. */
const GROWTH_MIB = 192;
/** As long as the command rehearses when nobody tells it otherwise. */
const REHEARSAL_MS = 1500;
const WARM_UP_SECONDS = 3;
const SETTLE_MS = 400;
/**
 * An attacker has a machine of its own; here it shares one with those who are measured. It gets one processor, and of that what nobody else wants. Yet
 * the kernel may let it finish a slice of some 4 ms before it takes the processor away, and so the healthy clients, which must not wait for one, are
 * served before everybody: a latency is otherwise that of the scheduler, not of the broker.
 */
const ATTACKER = launcher('chrt', '--idle', '0', 'taskset', '-c', String(availableParallelism() - 1));
const HEALTHY = launcher('chrt', '--fifo', '10');

/** The command that starts a process so, or nothing where it may not. */
function launcher(...command: readonly [string, ...string[]]): readonly string[] {
  const [program, ...args] = command;
  return spawnSync(program, [...args, process.execPath, '--version']).status === 0 ? command : [];
}

/** Measures healthy clients with and without each attack in turn. Gives how many checks passed and what failed. */
export async function runAttackCampaign(options: CampaignOptions): Promise<{ passed: number; failures: string[] }> {
  const failures: string[] = [];
  let passed = 0;
  if (ATTACKER.length === 0 || HEALTHY.length === 0)
    options.print('the kernel does not let chrt and taskset do what is needed here: attackers take processors away from those who are measured');
  options.print(row('attack', 'control p50', 'p99', 'attack p50', 'p99', 'max', 'ratio', 'CPU', 'RSS MiB', 'counted'));
  for (const name of options.names) {
    const problems = await measure(name, options).catch((error: unknown) => [`${name}: ${error}`]);
    failures.push(...problems);
    if (problems.length === 0) passed += 1;
  }
  return { passed, failures };
}

async function measure(name: string, options: CampaignOptions): Promise<string[]> {
  const broker = await startBroker({}, REHEARSAL_MS);
  const healthy = new Worker('./healthy-process.js', HEALTHY);
  try {
    await healthy.ask({ kind: 'connect', port: broker.port('local'), perSecond: PER_SECOND });
    await sleep(WARM_UP_SECONDS * 1000);
    return await alternate(name, options, broker, healthy);
  } finally {
    healthy.end();
    const code = await broker.stop();
    if (code !== 0) options.print(`the broker ended with ${code}\n${broker.output.slice(-2000)}`);
  }
}

async function alternate(name: string, options: CampaignOptions, broker: BrokerProcess, healthy: Worker): Promise<string[]> {
  const { print, attackSeconds, controlSeconds, rounds, scale, mostRatio } = options;
  const files = openFiles(broker.pid) ?? 0;
  const memory: number[] = [mebibytes(broker)];
  const controls: Latencies[] = [];
  const attacks: Latencies[] = [];
  const totals: Record<string, number> = {};
  const problems: string[] = [];
  let cpu = 0;
  for (let round = 0; round < rounds; round += 1) {
    await take(healthy);
    await sleep(controlSeconds * 1000);
    controls.push(await take(healthy));
    const attacker = new Worker('./attack-process.js', ATTACKER);
    await attacker.ask(null);
    await take(healthy);
    const before = cpuSeconds(broker);
    const order: AttackOrder = { name, port: broker.port('local'), webUrl: broker.url('web'), seconds: attackSeconds, scale };
    const counted = attacker.ask<Record<string, number>>(order);
    await sleep(attackSeconds * 1000);
    attacks.push(await take(healthy));
    cpu += (cpuSeconds(broker) - before) / attackSeconds / rounds;
    memory.push(mebibytes(broker));
    const { answer, error } = await counted;
    if (error !== undefined) problems.push(`${name}: ${error}`);
    for (const [key, value] of Object.entries(answer)) totals[key] = (totals[key] ?? 0) + value;
    attacker.end();
    await until(
      () => (openFiles(broker.pid) ?? 0) <= files,
      () => ({ name, files, now: openFiles(broker.pid) }),
    );
    await sleep(SETTLE_MS);
    memory.push(mebibytes(broker));
  }
  // The controls on both sides of an attack are what it is measured against.
  await take(healthy);
  await sleep(controlSeconds * 1000);
  controls.push(await take(healthy));
  const { answer: health } = await healthy.ask<Health>({ kind: 'finish' });
  const [control, attack] = [median(controls), median(attacks)];
  const ratio = attack.p99 / control.p99;
  const counted = Object.entries(totals).map(([key, value]) => `${key} ${value}`);
  print(
    row(
      name,
      control.p50,
      control.p99,
      attack.p50,
      attack.p99,
      attack.max,
      ratio.toFixed(2),
      `${Math.round(cpu * 100)} %`,
      memory.join(' '),
      counted.join(', '),
    ),
  );
  if (!(ratio <= mostRatio)) problems.push(`${name}: p99 is ${ratio.toFixed(2)} times that of the control`);
  if (health.lost > 0 || health.disordered > 0 || health.came !== health.sent) problems.push(`${name}: healthy clients ${JSON.stringify(health)}`);
  const growth = (memory.at(-1) ?? 0) - (memory[2] ?? 0);
  if (growth > GROWTH_MIB) problems.push(`${name}: memory grew by ${growth} MiB from round to round`);
  return problems;
}

async function take(healthy: Worker): Promise<Latencies> {
  return (await healthy.ask<Latencies>({ kind: 'take' })).answer;
}

function median(all: readonly Latencies[]): Latencies {
  const of = (key: keyof Latencies): number => {
    const sorted = all.map((one) => one[key]).sort((a, b) => a - b);
    return sorted[sorted.length >> 1] ?? 0;
  };
  return { count: of('count'), p50: of('p50'), p99: of('p99'), max: of('max') };
}

function mebibytes({ pid }: BrokerProcess): number {
  return Math.round((residentBytes(pid) ?? 0) / MIB);
}

/** CPU time of a process in seconds, as the kernel counts it in hundredths. */
function cpuSeconds({ pid }: BrokerProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function row(name: string, ...cells: readonly (string | number)[]): string {
  return [name.padEnd(20), ...cells.map((cell) => String(cell).padStart(11))].join(' ');
}
