import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, TimerWheel } from '../../clock.js';
import { makeLimits } from '../../limits.js';
import { Logger } from '../../log.js';
import { Stats } from '../../stats.js';
import { CONNECT, chain, FakeServices, plugin } from '../hooks.test.support.js';
import { PluginHost } from '../host.js';

// What a question costs in a worker and inside the broker: `node core/dist/hooks/worker/cost.test.support.js`. Prints microseconds a question, one at
// a time and 64 at a time: the time until the answer, and the processor time of the broker's thread, which is what other clients notice. Medians and
// ranges. The processor time is Linux's own count of this thread, so that it does not grow with what else the machine does.

const QUESTIONS = 20_000;
const ROUNDS = 9;
const SOURCE = `export default { name: 'p', sdk: '^1.0.0', decides: { authenticate: ['allow', 'deny', 'skip'] }, config: { type: 'object' },
  start({ hooks }) { hooks.authenticate.tap(async ({ credentials }, decide) => decide.allow({ identity: { username: credentials.username } })); } };`;

/** Processor time of this thread, the first of the process. */
function threadMicroseconds(): number {
  const [nanoseconds] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ');
  return Number(nanoseconds) / 1000;
}

async function measure(host: PluginHost, wheel: TimerWheel, atATime: number): Promise<{ wall: number; cpu: number }> {
  const password = { username: 'u', password: Buffer.from('p') };
  const ask = () =>
    new Promise<void>((resolve, reject) =>
      host.chain('default').ask('authenticate', CONNECT, { deadlineAt: wheel.clock.now() + 60_000, password }, (outcome) => {
        if (outcome.kind === 'allow') resolve();
        else reject(new Error(`answered with ${JSON.stringify(outcome)}`));
      }),
    );
  const cpu = threadMicroseconds();
  const at = performance.now();
  for (let i = 0; i < QUESTIONS; i += atATime) await Promise.all(Array.from({ length: atATime }, ask));
  const wall = performance.now() - at;
  return { wall: (wall * 1000) / QUESTIONS, cpu: (threadMicroseconds() - cpu) / QUESTIONS };
}

function figures(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (place: number): string => (sorted[Math.floor(place * (sorted.length - 1))] ?? Number.NaN).toFixed(1);
  return `${at(0.5)} µs (${at(0)}–${at(1)})`;
}

interface Result {
  readonly where: string;
  readonly host: PluginHost;
  readonly atATime: number;
  readonly wall: number[];
  readonly cpu: number[];
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-cost-'));
  const file = join(folder, 'index.mjs');
  writeFileSync(file, SOURCE);
  const inside = plugin('p', ({ authenticate }) =>
    authenticate.tap(async ({ credentials }, decide) => decide.allow({ identity: { username: credentials.username ?? '' } })),
  );
  const wheel = new TimerWheel(systemClock, (error) => {
    throw error;
  });
  const make = (isolated: boolean) =>
    new PluginHost({
      plugins: [isolated ? { ...inside, loaded: { ...inside.loaded, workerFile: file } } : inside],
      chains: [chain({ authenticate: ['p'] })],
      services: new FakeServices(),
      log: new Logger(() => {}, 'silent'),
      stats: new Stats(),
      wheel,
      limits: makeLimits(),
      baseFolder: folder,
      verify: async () => true,
    });
  const hosts = { 'inside the broker': make(false), 'in a worker': make(true) };
  for (const host of Object.values(hosts)) await host.prepare();
  const results = Object.entries(hosts).flatMap(([where, host]) => [1, 64].map((atATime): Result => ({ where, host, atATime, wall: [], cpu: [] })));
  // The first round warms up.
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const { host, atATime, wall, cpu } of results) {
      const measured = await measure(host, wheel, atATime);
      if (round === 0) continue;
      wall.push(measured.wall);
      cpu.push(measured.cpu);
    }
  }
  for (const { where, atATime, wall, cpu } of results)
    process.stdout.write(`${where}, ${atATime} at a time: ${figures(wall)} each; of the broker's thread ${figures(cpu)}\n`);
  process.stdout.write(
    `load ${loadavg()
      .map((load) => load.toFixed(1))
      .join(' ')}, Node.js ${process.version}\n`,
  );
  for (const host of Object.values(hosts)) await host.dispose();
  wheel.stop();
  rmSync(folder, { recursive: true });
}

await main();
