// Reloads good and bad configurations in turn, under load: `node test/dist/campaigns/reloads.js [reloads] [clients]`.
import { reloadCampaign } from '../reloads/campaign.js';

const reloads = Number(process.argv[2] ?? 200);
const clients = Number(process.argv[3] ?? 60);
if (!Number.isSafeInteger(reloads) || reloads < 1 || !Number.isSafeInteger(clients) || clients < 4) {
  process.stderr.write('usage: reloads.js [reloads] [clients], both whole numbers, of clients at least 4\n');
  process.exit(2);
}
const result = await reloadCampaign({ reloads, coming: Math.ceil(clients / 2), staying: Math.floor(clients / 2) });
const { load, testimony, wrong, inForce, files, heapBytes } = result;
for (const line of [...wrong, ...load.wrong]) process.stdout.write(`${line}\n`);
const { accepted, refused, delivered } = load;
const { judged, mixed, strays, started, alive, open } = testimony;
const failed =
  wrong.length + load.wrong.length + mixed + strays + Math.abs(alive - 2) + Math.abs(open - 2) + Math.abs((files[1] ?? 0) - (files[0] ?? 0));
process.stdout.write(`${JSON.stringify({ reloads, inForce, accepted, refused, delivered, judged, started })}\n`);
process.stdout.write(
  `${JSON.stringify({ disconnected: load.wrong.length, wrongReloads: wrong.length, mixed, strays, alive, open, files, heapBytes })}\n`,
);
process.stdout.write(`${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
