// Compares the short way of messages with the long one on random traffic: `node test/dist/campaigns/lanes.js [count] [seed]`.
import { compareLanes } from '../lanes/compare.js';

const count = Number(process.argv[2] ?? 300);
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000_000);
if (!Number.isSafeInteger(count) || count < 1 || !Number.isSafeInteger(seed)) {
  process.stderr.write('usage: lanes.js [count] [seed], both whole numbers\n');
  process.exit(2);
}
process.stdout.write(`seeds ${seed} to ${seed + count - 1}\n`);
let passed = 0;
let failed = 0;
const totals: Record<string, number> = {};
for (let i = 0; i < count && failed < 10; i += 1) {
  try {
    for (const [name, value] of Object.entries(await compareLanes(seed + i, 120))) totals[name] = (totals[name] ?? 0) + value;
    passed += 1;
  } catch (error) {
    failed += 1;
    process.stdout.write(`${error instanceof Error ? error.message : error}\n`);
  }
}
process.stdout.write(`${JSON.stringify(totals)}\n${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
