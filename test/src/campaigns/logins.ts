// Times logins of an unknown user against wrong passwords of a known one: `node test/dist/campaigns/logins.js [--tries=500]`.
import { HASH_KINDS, median, rankDistance, timeLogins } from '../attacks/login-times.js';

const given = process.argv.slice(2).find((arg) => arg.startsWith('--tries='));
const tries = Number(given?.slice('--tries='.length) ?? 500);
if (!(tries >= 10)) {
  process.stderr.write('usage: logins.js [--tries=500]\n');
  process.exit(2);
}
/** In standard deviations; see `rankDistance`. */
const MOST = 4;
let failed = 0;
for (const kind of HASH_KINDS) {
  const { wrongPassword, unknownUser } = await timeLogins(kind, tries);
  const distance = rankDistance(wrongPassword, unknownUser);
  const told = Math.abs(distance) > MOST;
  if (told) failed += 1;
  process.stdout.write(
    `${kind.padEnd(14)} wrong password ${median(wrongPassword).toFixed(3)} ms, unknown user ${median(unknownUser).toFixed(3)} ms, ` +
      `distance ${distance.toFixed(2)} of ${MOST}: ${told ? 'CAN BE TOLD APART' : 'the same'}\n`,
  );
}
process.exitCode = failed === 0 ? 0 : 1;
