// Every hook in every way of failing, on every transport in every version: `node test/dist/campaigns/fail-closed.js`. Takes minutes.
import { allCells } from '../fail-closed/cells.js';
import { allLives } from '../fail-closed/lives.js';
import { LIFE_NEWS, PROCESS_NEWS } from '../fail-closed/moments.js';
import { writePage } from '../fail-closed/report.js';
import { type Result, runMatrix } from '../fail-closed/run-matrix.js';
import { runLives, runProcessNews } from '../fail-closed/run-news.js';
import { NEWS_WAY_NAMES } from '../fail-closed/ways.js';

type Part = readonly [what: string, cases: number, run: () => Promise<Pick<Result, 'totals' | 'complaints'>>];

const cells = allCells();
const lives = allLives();
const parts: readonly Part[] = [
  ['questions', cells.length, () => runMatrix(cells)],
  ['listeners in the life of a client', lives.length * LIFE_NEWS.length, () => runLives(lives)],
  ['listeners in the life of the process', PROCESS_NEWS.length * NEWS_WAY_NAMES.length, runProcessNews],
];
let sound = true;
for (const [what, cases, run] of parts) {
  process.stdout.write(`${what}: ${cases} cases\n`);
  const { totals, complaints } = await run();
  for (const complaint of complaints) process.stdout.write(`${complaint}\n`);
  process.stdout.write(`${JSON.stringify(totals)}\n`);
  if (totals.cases !== cases) process.stdout.write(`only ${totals.cases} of ${cases} cases were run\n`);
  sound &&= totals.cases === cases && complaints.length === 0 && totals.grants + totals.exits + totals.wrong + totals.effects === 0;
}
if (sound) writePage();
process.stdout.write(sound ? 'all as promised; docs/fail-closed.md is up to date\n' : 'NOT as promised; docs/fail-closed.md is left as it was\n');
process.exitCode = sound ? 0 : 1;
