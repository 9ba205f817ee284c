// Sends mutated packets through a broker in this process: `node test/dist/campaigns/packets.js [count] [seed]`.
import { runPacketCampaign } from '../fuzz/packet-campaign.js';

const count = Number(process.argv[2] ?? 1_000_000);
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000_000);
if (!Number.isSafeInteger(count) || count < 1 || !Number.isSafeInteger(seed)) {
  process.stderr.write('usage: packets.js [count] [seed], both whole numbers\n');
  process.exit(2);
}
process.stdout.write(`seed ${seed}\n`);
const { passed, failed, failures, figures } = await runPacketCampaign(count, seed);
for (const failure of failures) process.stdout.write(`${failure}\n`);
process.stdout.write(`${JSON.stringify(figures)}\n${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
