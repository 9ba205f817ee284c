// Compares topic matching with a naive reference on many random pairs: `node test/dist/campaigns/topics.js [count] [seed]`.
import { runTopicCampaign } from '../topics/campaign.js';

const count = Number(process.argv[2] ?? 10_000_000);
const seed = Number(process.argv[3] ?? 20_261_123);
if (!Number.isSafeInteger(count) || count < 1 || !Number.isSafeInteger(seed)) {
  process.stderr.write('usage: topics.js [count] [seed], both whole numbers\n');
  process.exit(2);
}
const result = runTopicCampaign(count, seed);
for (const difference of result.differences) process.stdout.write(`${difference}\n`);
process.stdout.write(`seed ${seed}\n${result.passed} passed, ${result.failed} failed\n`);
process.exitCode = result.failed === 0 ? 0 : 1;
