// Attacks a broker of its own and measures clients that do nothing wrong: `node test/dist/campaigns/attacks.js [attack …] [--rounds=3] [--seconds=6]`.
import { ATTACKS } from '../attacks/attacks.js';
import { runAttackCampaign } from '../attacks/campaign.js';

const args = process.argv.slice(2);
const names = args.filter((arg) => !arg.startsWith('--'));
const number = (name: string, otherwise: number): number =>
  Number(args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3) ?? otherwise);
const rounds = number('rounds', 3);
const seconds = number('seconds', 6);
const unknown = names.filter((name) => !Object.hasOwn(ATTACKS, name));
if (unknown.length > 0 || !(rounds >= 1) || !(seconds >= 1)) {
  process.stderr.write(`usage: attacks.js [attack …] [--rounds=3] [--seconds=6]; attacks: ${Object.keys(ATTACKS).join(' ')}\n`);
  process.exit(2);
}
const { passed, failures } = await runAttackCampaign({
  names: names.length === 0 ? Object.keys(ATTACKS) : names,
  attackSeconds: seconds,
  controlSeconds: seconds,
  rounds,
  scale: 1,
  mostRatio: 2,
  print: (line) => process.stdout.write(`${line}\n`),
});
for (const failure of failures) process.stdout.write(`${failure}\n`);
process.stdout.write(`latencies in microseconds\n${passed} passed, ${failures.length} failed\n`);
process.exitCode = failures.length === 0 ? 0 : 1;
