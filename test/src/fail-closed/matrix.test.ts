import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { allCells, shortCells, TRANSPORTS, unreachable, VERSIONS } from './cells.js';
import { EXPECTED } from './expected.js';
import { allLives, shortLives } from './lives.js';
import { HOOKS, LIFE_NEWS, MOMENT_NAMES, MOMENTS, OBSERVERS, PROCESS_NEWS, QUESTIONS, ROLES } from './moments.js';
import { committedPage, pageNow } from './report.js';
import { type Result, runMatrix } from './run-matrix.js';
import { runLives, runProcessNews } from './run-news.js';
import { NEWS_WAY_NAMES, WAY_NAMES, WAYS } from './ways.js';

interface CoreHook {
  readonly role: string;
  readonly sync: boolean;
}

const ZEROS = { grants: 0, exits: 0, wrong: 0, effects: 0 };

function judge(context: TestContext, { totals, complaints }: Pick<Result, 'totals' | 'complaints'>, cases: number, controls = 0): void {
  context.diagnostic(JSON.stringify(totals));
  assert.deepEqual(complaints, []);
  assert.deepEqual(totals, { cases, controls, ...ZEROS });
}

describe('the fault matrix', () => {
  it('has a row for every hook that there is, and knows who answers it and whether at once', async () => {
    const { HOOKS: core } = (await import(new URL('../../../core/dist/hooks/hook-table.js', import.meta.url).href)) as {
      HOOKS: Readonly<Record<string, CoreHook>>;
    };
    assert.deepEqual([...HOOKS].sort(), Object.keys(core).sort());
    for (const hook of HOOKS) assert.deepEqual(ROLES[hook], [core[hook]?.role, core[hook]?.sync === true ? 'sync' : 'either'], hook);
    for (const hook of QUESTIONS)
      assert.ok(
        MOMENT_NAMES.some((name) => MOMENTS[name].hook === hook),
        `${hook} is asked at no moment of the matrix`,
      );
    assert.equal(LIFE_NEWS.length + PROCESS_NEWS.length, OBSERVERS.length);
  });

  it('leaves a cell out only for a reason that it gives, and has an answer for every other', () => {
    const cells = new Set(allCells().map(({ moment, way, transport, version }) => `${moment} ${way} ${transport} ${version}`));
    let possible = 0;
    for (const name of MOMENT_NAMES) {
      const { hook } = MOMENTS[name];
      for (const way of ['healthy', ...WAY_NAMES] as const) {
        const ending = way === 'healthy' ? 'healthy' : WAYS[way].ending(hook);
        for (const transport of TRANSPORTS) {
          for (const version of VERSIONS) {
            const why = unreachable(name, transport, version) ?? (way === 'healthy' ? null : WAYS[way].impossible(hook));
            assert.equal(cells.has(`${name} ${way} ${transport} ${version}`), why === null, `${name} ${way}: ${why}`);
            if (why !== null) continue;
            possible += 1;
            assert.ok(EXPECTED[name][ending] !== null, `${name} ${way} has no answer`);
          }
        }
      }
    }
    assert.equal(possible, allCells().length);
    assert.ok(possible > 12_000, `${possible} cells are too few to be true`);
  });

  it('is met by its short form in every way at every moment, and each of both on every transport and in every version', () => {
    const short = shortCells();
    for (const pick of ['moment', 'way'] as const) {
      const places = (cells: ReturnType<typeof allCells>): string[] =>
        [...new Set(cells.flatMap((cell) => [`${cell[pick]} ${cell.transport}`, `${cell[pick]} ${cell.version}`]))].sort();
      assert.deepEqual(places(short), places(allCells()));
    }
    const pairs = (cells: ReturnType<typeof allCells>): string[] => [...new Set(cells.map(({ moment, way }) => `${moment} ${way}`))].sort();
    assert.deepEqual(pairs(short), pairs(allCells()));
  });

  it('holds: whatever a plugin does, nobody gets in, the process lives, the answer is the right one, and others notice nothing', async (context) => {
    const cells = shortCells();
    const result = await runMatrix(cells);
    judge(context, result, cells.length, cells.filter(({ way }) => way === 'healthy').length);
    // What does not count is counted: an answer after the end of the question or of the plugin, a second one, one that belongs to another question.
    const count = (fits: (way: string, sync: boolean, moment: string) => boolean): number =>
      cells.filter(({ moment, way }) => fits(way, ROLES[MOMENTS[moment].hook][1] === 'sync', moment)).length;
    // The broker takes back what it asks at the end of a lease when other plugins come into force, as when a client leaves: no answer is awaited then.
    const takenBack = /^(?:refresh|policyLease)$/;
    const { lateAnswers, secondAnswers, foreignAnswers, escapedErrors } = result;
    context.diagnostic(JSON.stringify({ lateAnswers, secondAnswers, foreignAnswers, escapedErrors }));
    // On a machine that stands still for a while, further answers that refuse anyway come late.
    const late = count((way, sync, moment) => !sync && (way === 'late' || way === 'busy' || (way === 'disposed' && !takenBack.test(moment))));
    assert.ok(lateAnswers >= late, `${lateAnswers} late answers were counted, and there were ${late}`);
    assert.equal(
      secondAnswers,
      count((way, sync) => !sync && /First$/.test(way)),
    );
    assert.equal(
      foreignAnswers,
      count((way, sync) => way === 'kept' || way === 'keptVerbs' || (way === 'promisedKept' && !sync)),
    );
    assert.ok(escapedErrors >= count((way) => /^(?:timer|unhandled|emitter)$/.test(way)));
  });

  it('holds for those who are told: listeners that fail change nothing in the life of a client', async (context) => {
    const lives = shortLives();
    assert.deepEqual([...new Set(lives.map(({ way }) => way))], [...NEWS_WAY_NAMES]);
    judge(context, await runLives(lives), lives.length * LIFE_NEWS.length);
    assert.ok(allLives().length === NEWS_WAY_NAMES.length * TRANSPORTS.length * VERSIONS.length);
  });

  it('holds for those who are told that the broker is ready and that it stops', async (context) => {
    judge(context, await runProcessNews(), PROCESS_NEWS.length * NEWS_WAY_NAMES.length);
  });

  it('stands in the documentation as it is', () => {
    assert.equal(committedPage(), pageNow(), 'docs/fail-closed.md is out of date; `npm run campaign:fail-closed` writes it');
  });
});
