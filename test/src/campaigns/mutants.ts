// Runs mutants of the rooms that decide against their tests: `node test/dist/campaigns/mutants.js [one in] [seed] [options]`.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runCampaign, unreached, WIRE_TESTS } from '../mutation/campaign.js';
import { writeDocument } from '../mutation/document.js';
import { draw } from '../mutation/draw.js';
import { allMutants, type Mutant } from '../mutation/mutants.js';
import { isTuned, LEAST_SCORE, readRecord, recorded, scoreOf, survives, writeRecord } from '../mutation/record.js';

const USAGE = `usage: mutants.js [one in] [seed] [--workers 2] [--unit] [--only <part of a name>]… [--write | --document | --unreached]
  --unit      without the tests over the wire
  --only      nothing but drawn mutants whose name contains this
  --write     this draw becomes that of record, in record.json and docs/mutation.md; not one that tests were written against
  --document  runs nothing, but writes docs/mutation.md from record.json
  --unreached judges nothing, but lists of all mutants those whose code no test runs through
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    workers: { type: 'string', default: '2' },
    unit: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    write: { type: 'boolean', default: false },
    document: { type: 'boolean', default: false },
    unreached: { type: 'boolean', default: false },
  },
});
const root = fileURLToPath(new URL('../../../', import.meta.url));
const before = readRecord(root);
const [oneIn = before.oneIn, seed = before.seed] = positionals.map(Number);
const workers = Number(values.workers);
const whole = values.only.length === 0 && !values.unit;
const ofRecord = whole && ((oneIn === before.oneIn && seed === before.seed) || values.write);
const writable = whole && !isTuned(before, seed);
if (![oneIn, seed, workers].every(Number.isSafeInteger) || oneIn < 1 || workers < 1 || positionals.length > 2 || (values.write && !writable)) {
  process.stderr.write(USAGE);
  process.exit(2);
}
// Copies and what runs in them go with the process, and so it has to end by itself.
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => process.exit(130));

function wanted({ key }: Mutant): boolean {
  return values.only.length === 0 || values.only.some((part) => key.includes(part));
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function run(): Promise<number> {
  const possible = allMutants(root);
  const wireTests = values.unit ? [] : WIRE_TESTS;
  if (values.unreached) {
    for (const { key } of await unreached({ root, mutants: possible.filter(wanted), workers, wireTests, print })) print(key);
    return 0;
  }
  const mutants = draw(possible, oneIn, seed).filter(wanted);
  print(`${mutants.length} of ${possible.length} mutants, seed ${seed}`);
  const verdicts = await runCampaign({ root, mutants, workers, wireTests, print });
  const after = recorded(before, { oneIn, seed, possible: possible.length }, verdicts);
  const { drawn, noticed, equivalent, score } = scoreOf(after);
  print(`${noticed} of ${drawn} noticed; ${(score * 100).toFixed(1)} % of those that are not known to be equivalent (${equivalent})`);
  if (!ofRecord) return 0;
  if (values.write) {
    writeRecord(root, after);
    writeDocument(root, after);
  }
  const unexplained = after.survivors.filter(({ why }) => why === '').map(({ mutant }) => mutant);
  for (const mutant of unexplained) print(`survived without a reason in record.json: ${mutant}`);
  const surviving = new Set(verdicts.filter(survives).map(({ mutant }) => mutant.key));
  const stale = before.survivors.filter(({ mutant }) => !surviving.has(mutant));
  for (const { mutant } of stale) print(`listed in record.json, but noticed: ${mutant}`);
  return score >= LEAST_SCORE && unexplained.length === 0 && (stale.length === 0 || values.write) ? 0 : 1;
}

if (values.document) writeDocument(root, before);
else process.exitCode = await run();
