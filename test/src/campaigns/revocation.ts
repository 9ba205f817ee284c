// Measures how fast rights go: `node test/dist/campaigns/revocation.js [--clients=1000] [--deliveries=20000] [--rounds=10] [--bindings=100000]`.
import { loadavg } from 'node:os';
import { measureBindings } from '../rights/bindings.js';
import { measureUnderLoad } from '../rights/under-load.js';

/** What is aimed at, in milliseconds at p99. */
const MOST_MS = 50;
const names = ['clients', 'deliveries', 'rounds', 'bindings'] as const;
const given = new Map(process.argv.slice(2).map((arg) => arg.replace(/^--/, '').split('=') as [string, string]));
const number = (name: (typeof names)[number], otherwise: number): number => Number(given.get(name) ?? otherwise);
const sizes = {
  clients: number('clients', 1000),
  deliveries: number('deliveries', 20_000),
  rounds: number('rounds', 10),
  bindings: number('bindings', 100_000),
};
if ([...given.keys()].some((name) => !names.includes(name as 'rounds')) || Object.values(sizes).some((size) => !(size >= 1))) {
  process.stderr.write('usage: revocation.js [--clients=1000] [--deliveries=20000] [--rounds=10] [--bindings=100000]\n');
  process.exit(2);
}
const print = (text: string): void => void process.stdout.write(`${text}\n`);
print(
  `load of the machine: ${loadavg()
    .map((load) => load.toFixed(1))
    .join(' ')}`,
);
const load = await measureUnderLoad({ clients: sizes.clients, deliveriesPerSecond: sizes.deliveries, rounds: sizes.rounds });
print(`${sizes.clients} clients, ${load.deliveriesPerSecond} deliveries a second, ${sizes.rounds} revocations`);
print(`last copy after the call, ms: p50 ${load.leakP50.toFixed(1)}, p99 ${load.leakP99.toFixed(1)}, longest ${load.leakLongest.toFixed(1)}`);
print(`all clients judged, ms at most: ${load.judgedLoaded} under load, ${load.judgedIdle} idle`);
print(`time of the processor until then, ms: ${load.cpuLoaded.toFixed(1)} under load, ${load.cpuIdle.toFixed(1)} idle`);
const missed = load.leakP99 > MOST_MS ? ['revocation under load'] : [];
for (const { what, milliseconds, p50, p99, longest, cpuMilliseconds, cpuP99, cpuLongest, suspended } of await measureBindings(sizes.bindings)) {
  const times = `turns in ms: p50 ${p50.toFixed(2)}, p99 ${p99.toFixed(2)}, longest ${longest.toFixed(1)}`;
  print(`${sizes.bindings} bindings judged again after a change of ${what}: ${milliseconds.toFixed(0)} ms, ${suspended} suspended; ${times}`);
  print(`  in time of the processor: ${cpuMilliseconds.toFixed(0)} ms; turns p99 ${cpuP99.toFixed(2)}, longest ${cpuLongest.toFixed(1)}`);
  if (p99 > MOST_MS) missed.push(`${what} of bindings`);
}
print(
  `load of the machine: ${loadavg()
    .map((one) => one.toFixed(1))
    .join(' ')}`,
);
print(missed.length === 0 ? 'all within the aim' : `missed: ${missed.join(', ')}`);
process.exitCode = missed.length === 0 ? 0 : 1;
