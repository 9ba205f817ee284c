// Random clients, rights and messages against the reference of who may have what: `node test/dist/campaigns/one-gate.js [count] [seed]`.
import { PATHS } from '../one-gate/ledger.js';
import { play } from '../one-gate/play.js';
import { LANES } from '../one-gate/source.js';

const STEPS = 400;
const MOST_FAILURES = 10;
const count = Number(process.argv[2] ?? 500);
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000_000);
if (!Number.isSafeInteger(count) || count < 1 || !Number.isSafeInteger(seed)) {
  process.stderr.write('usage: one-gate.js [count] [seed], both whole numbers\n');
  process.exit(2);
}
process.stdout.write(`seeds ${seed} to ${seed + count - 1}\n`);
let failed = 0;
for (const lane of LANES) {
  const seen = new Map<string, number>(PATHS.map((path) => [path, 0]));
  let passed = 0;
  for (let i = 0; i < count && failed < MOST_FAILURES; i += 1) {
    try {
      const ledger = await play({ seed: seed + i, lane, steps: STEPS });
      for (const path of PATHS) seen.set(path, (seen.get(path) ?? 0) + ledger.seen[path]);
      passed += 1;
    } catch (error) {
      failed += 1;
      process.stdout.write(`${error instanceof Error ? error.message : error}\n`);
    }
  }
  process.stdout.write(`${lane}: ${passed} passed; copies ${JSON.stringify(Object.fromEntries(seen))}\n`);
}
process.stdout.write(`${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
