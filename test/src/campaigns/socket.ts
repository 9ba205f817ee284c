// Sends mutated packets over TCP to a broker of its own: `node test/dist/campaigns/socket.js [count] [seed]`.
import { runSocketCampaign } from '../fuzz/socket-campaign.js';

const count = Number(process.argv[2] ?? 100_000);
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000_000);
if (!Number.isSafeInteger(count) || count < 1 || !Number.isSafeInteger(seed)) {
  process.stderr.write('usage: socket.js [count] [seed], both whole numbers\n');
  process.exit(2);
}
process.stdout.write(`seed ${seed}\n`);
const { passed, failed, failures, figures } = await runSocketCampaign(count, seed);
for (const failure of failures) process.stdout.write(`${failure}\n`);
process.stdout.write(`${JSON.stringify(figures)}\n${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
