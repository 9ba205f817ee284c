// Databases that go away under logins, change, and are asked by a crowd:
// `node test/dist/campaigns/databases.js [--stops=200] [--freezes=50] [--logins=100] [--away=2500] [--changes=600] [--crowd=10000] [--only=redis]`.
import { loadavg } from 'node:os';
import type { Backend } from '../databases/backend.js';
import { BACKENDS } from '../databases/backends.js';
import { startBrokerWith, TIMEOUT_MS } from '../databases/broker.js';
import { failings, type OutageReport, runOutages } from '../databases/outages.js';
import { timePushes } from '../databases/push-times.js';
import { crowdReturns } from '../databases/returning.js';

const PASSWORD = 'right';
/** What is aimed at for a change, in milliseconds at p99. */
const PUSHED_WITHIN_MS = 50;
/** Of a plugin, unless its entry says otherwise; one more may come from what listens for changes. */
const MOST_AT_ONCE = 64 + 1;
/** Questions that do not belong to one user: rules of everybody, and whether the server is there. */
const OF_THE_BROKER = 100;
const USAGE = `usage: databases.js [--stops=200] [--freezes=50] [--logins=100] [--away=2500] [--changes=600] [--crowd=10000] [--only=postgres|redis]\n`;

const given = new Map(process.argv.slice(2).map((arg) => arg.replace(/^--/, '').split('=') as [string, string]));
const only = given.get('only');
given.delete('only');
const sizes = { stops: 200, freezes: 50, logins: 100, away: 2500, changes: 600, crowd: 10_000 };
for (const [name, value] of given) {
  if (!Object.hasOwn(sizes, name) || !(Number(value) >= 0)) usage();
  sizes[name as keyof typeof sizes] = Number(value);
}
if (only !== undefined && !Object.hasOwn(BACKENDS, only)) usage();

function usage(): never {
  process.stderr.write(USAGE);
  process.exit(2);
}

const print = (text: string): void => void process.stdout.write(`${text}\n`);

function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}

function times(values: readonly number[]): string {
  return `p50 ${percentile(values, 0.5).toFixed(1)}, p99 ${percentile(values, 0.99).toFixed(1)}, longest ${percentile(values, 1).toFixed(1)}`;
}

/** Each part resolves with what did not hold, in words. */
type Part = (backend: Backend) => Promise<readonly string[]>;

const outages: Part = async (backend) => {
  const { stops, freezes, logins: loginsPerSecond, away: awayMs } = sizes;
  print(`${stops} stops, ${freezes} freezes, ${loginsPerSecond} logins a second`);
  const report = await runOutages(backend, PASSWORD, { stops, freezes, loginsPerSecond, awayMs, progress: print });
  show(report);
  return failings(report);
};

function show(report: OutageReport): void {
  print(
    `${report.logins} logins: ${report.accepted} let in, ${report.refused} refused (${report.refusedWhileAway} of them only because the server was away)`,
  );
  print(
    `false grants ${report.falseGrants.length}, strange answers ${report.strange.length}, late answers ${report.late.length}, exits ${report.exits}`,
  );
  print(`longest answer ${report.longestAnswerMs.toFixed(0)} ms`);
  print(`healthy again after ms: ${times(report.healedAfterMs)}`);
  for (const told of [...report.falseGrants, ...report.strange, ...report.late].filter((text) => text !== '').slice(0, 20)) print(`  ${told}`);
}

const pushes: Part = async (backend) => {
  const broker = await startBrokerWith(backend.entry);
  const { ended, permitted, control } = await timePushes(backend, broker, PASSWORD, sizes.changes);
  print(`${sizes.changes} changes one after the other, from the moment in which they were sent, in ms`);
  print(`a user disabled, until his connection ends: ${times(ended)}`);
  print(`a rule given, until it holds: ${times(permitted)}`);
  print(`for comparison, a PUBLISH and its answer: ${times(control)}`);
  const failed = [ended, permitted].some((values) => percentile(values, 0.99) > PUSHED_WITHIN_MS) ? [`changes within ${PUSHED_WITHIN_MS} ms`] : [];
  return (await broker.stop()) === 0 ? failed : [...failed, 'the broker ended badly'];
};

const crowd: Part = async (backend) => {
  await backend.addAll('crowd-', sizes.crowd);
  const failed: string[] = [];
  for (const time of ['at first', 'after a restart of the broker']) {
    const broker = await startBrokerWith(backend.countedEntry);
    const { asked, refusedAsBusy, tookMs } = await crowdReturns(backend, broker.port('local'), 'crowd-', sizes.crowd, PASSWORD);
    const { questions, mostAtOnce } = asked;
    print(
      `${sizes.crowd} clients at once ${time}: ${questions} questions, ${mostAtOnce ?? 'unknown'} at one time at most; ` +
        `${refusedAsBusy} refused as busy and tried again; all in after ${(tookMs / 1000).toFixed(1)} s`,
    );
    if (questions > 2 * sizes.crowd + OF_THE_BROKER) failed.push(`${questions} questions of ${sizes.crowd} users`);
    if ((mostAtOnce ?? 0) > MOST_AT_ONCE) failed.push(`${mostAtOnce} questions at once`);
    if ((await broker.stop()) !== 0) failed.push('the broker ended badly');
  }
  return failed;
};

let failed = 0;
for (const [name, { make }] of Object.entries(BACKENDS)) {
  if (only !== undefined && only !== name) continue;
  const parts: readonly [boolean, Part][] = [
    [sizes.changes > 0, pushes],
    [sizes.crowd > 0, crowd],
    [sizes.stops + sizes.freezes > 0, outages],
  ];
  for (const [, part] of parts.filter(([wanted]) => wanted)) {
    const backend = await make(PASSWORD, TIMEOUT_MS);
    try {
      print(`${backend.name}; load of the machine ${loadavg()[0]?.toFixed(1)}`);
      const words = await part(backend);
      failed += words.length;
      print(words.length === 0 ? 'all held' : `did not hold: ${words.join('; ')}`);
    } finally {
      await backend.dispose();
    }
  }
}
process.exitCode = failed === 0 ? 0 : 1;
