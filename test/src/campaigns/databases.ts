// Databases that go away under logins: `node test/dist/campaigns/databases.js [--stops=200] [--freezes=50] [--logins=100] [--away=2500]`.
import { loadavg } from 'node:os';
import { postgresBackend } from '../databases/backend.js';
import { failings, type OutageReport, runOutages, TIMEOUT_MS } from '../databases/outages.js';
import { redisBackend } from '../databases/redis-backend.js';

const PASSWORD = 'right';
const names = ['stops', 'freezes', 'logins', 'away'] as const;
const given = new Map(process.argv.slice(2).map((arg) => arg.replace(/^--/, '').split('=') as [string, string]));
const number = (name: (typeof names)[number], otherwise: number): number => Number(given.get(name) ?? otherwise);
const sizes = { stops: number('stops', 200), freezes: number('freezes', 50), loginsPerSecond: number('logins', 100), awayMs: number('away', 2500) };
if ([...given.keys()].some((name) => !names.includes(name as 'stops')) || Object.values(sizes).some((size) => !(size >= 0))) {
  process.stderr.write('usage: databases.js [--stops=200] [--freezes=50] [--logins=100] [--away=2500]\n');
  process.exit(2);
}

const print = (text: string): void => void process.stdout.write(`${text}\n`);

function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}

function show(report: OutageReport): void {
  print(
    `${report.logins} logins: ${report.accepted} let in, ${report.refused} refused (${report.refusedWhileAway} of them only because the server was away)`,
  );
  print(
    `false grants ${report.falseGrants.length}, strange answers ${report.strange.length}, late answers ${report.late.length}, exits ${report.exits}`,
  );
  print(`longest answer ${report.longestAnswerMs.toFixed(0)} ms`);
  const { healedAfterMs } = report;
  print(
    `healthy again after ms: p50 ${percentile(healedAfterMs, 0.5).toFixed(0)}, p99 ${percentile(healedAfterMs, 0.99).toFixed(0)}, longest ${percentile(healedAfterMs, 1).toFixed(0)}`,
  );
  for (const told of [...report.falseGrants, ...report.strange, ...report.late].filter((text) => text !== '').slice(0, 20)) print(`  ${told}`);
}

let failed = 0;
for (const make of [postgresBackend, redisBackend]) {
  const backend = await make(PASSWORD, TIMEOUT_MS);
  try {
    print(
      `${backend.name}: ${sizes.stops} stops, ${sizes.freezes} freezes, ${sizes.loginsPerSecond} logins a second; load of the machine ${loadavg()[0]?.toFixed(1)}`,
    );
    const report = await runOutages(backend, PASSWORD, { ...sizes, progress: print });
    show(report);
    const words = failings(report);
    failed += words.length;
    print(words.length === 0 ? 'all held' : `did not hold: ${words.join('; ')}`);
  } finally {
    await backend.dispose();
  }
}
process.exitCode = failed === 0 ? 0 : 1;
