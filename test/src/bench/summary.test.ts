import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { noCounts } from './generator/verdict.js';
import type { Measurement, RunResult } from './load.js';
import type { StepResult } from './rounds.js';
import { SCENARIOS, type Scenario } from './scenarios.js';
import { median, summarize } from './summary.js';
import { figure, markdownTables, textTable } from './table.js';

const MEASUREMENT: Measurement = {
  row: '',
  headline: 1,
  unit: 'CPU s/M deliveries',
  ratePerSecond: 1000,
  p50Us: null,
  p99Us: null,
  lateP99Us: null,
  memoryMiB: 50,
  generatorCores: 0.5,
};

function run(headline: number | null, lost = 0): RunResult {
  return { measurements: [{ ...MEASUREMENT, headline }], counts: { ...noCounts(), lost }, verified: 1 };
}

function scenario(name: string): Scenario {
  const found = SCENARIOS.find((each) => each.name === name);
  assert.ok(found !== undefined);
  return found;
}

function results(name: string, ...steps: readonly Record<string, readonly RunResult[]>[]): StepResult[] {
  const which = scenario(name);
  return steps.flatMap((runs, index) => {
    const step = which.steps[index];
    return step === undefined ? [] : [{ scenario: which, step, runs: new Map(Object.entries(runs)) }];
  });
}

describe('the summary of a benchmark', () => {
  it('compares the median of the first with the best of the others', () => {
    const rows = summarize(results('pairs-q0', { own: [run(3), run(1), run(2)], slow: [run(9), run(8), run(10)], fast: [run(4), run(4), run(5)] }));
    const [own, slow, fast] = rows;
    assert.deepEqual([own?.headline, own?.spread, own?.ratio, own?.best], [2, [0.5, 1.5], 0.5, 'fast']);
    assert.deepEqual([slow?.headline, slow?.ratio, fast?.headline, fast?.ratio], [9, null, 4, null]);
  });

  it('counts bad runs', () => {
    const [row] = summarize(
      results('pairs-q0', { own: [run(1), run(1, 2), { measurements: [], counts: { ...noCounts(), failed: 1 }, verified: 0 }] }),
    );
    assert.deepEqual([row?.badRuns, row?.runs, row?.headline], [2, 3, 1]);
  });

  it('shows a broker of which every run failed', () => {
    const failed = { measurements: [], counts: { ...noCounts(), failed: 1 }, verified: 0 };
    const rows = summarize(results('latency-paced', { own: [failed], peer: [failed] }));
    assert.deepEqual(
      rows.map(({ contestant, headline, badRuns, ratio }) => ({ contestant, headline, badRuns, ratio })),
      [
        { contestant: 'own', headline: null, badRuns: 1, ratio: null },
        { contestant: 'peer', headline: null, badRuns: 1, ratio: null },
      ],
    );
  });

  it('relates each step of a growth series to its first', () => {
    const rows = summarize(
      results('growth-rules', { own: [run(1)], peer: [run(4)] }, { own: [run(1.1)], peer: [run(5)] }, { own: [run(2)], peer: [run(20)] }),
    );
    assert.deepEqual(
      rows.map((row) => `${row.scenario} ${row.contestant} ${row.growth?.toFixed(2)}`),
      [
        'growth-rules 2 own 1.00',
        'growth-rules 2 peer 1.00',
        'growth-rules 20 own 1.10',
        'growth-rules 20 peer 1.25',
        'growth-rules 200 own 2.00',
        'growth-rules 200 peer 5.00',
      ],
    );
  });

  it('shows rates and no ratio where processor time cannot be read', () => {
    const rows = summarize(results('pairs-q0', { own: [run(null)], peer: [run(null)] }));
    assert.deepEqual([rows[0]?.headline, rows[0]?.ratio, rows[0]?.ratePerSecond], [null, null, 1000]);
    assert.match(textTable(rows), /pairs-q0 {2}own {5}– /);
  });

  it('takes the middle of an even number of values, and of none', () => {
    assert.deepEqual([median([4, 1, 3, 2]), median([5]), median([])], [2.5, 5, null]);
  });
});

describe('the tables of a benchmark', () => {
  const rows = summarize([
    ...results('pairs-q0', { portcullis: [run(0.25)], mosquitto: [run(2)] }),
    ...results('growth-rules', { portcullis: [run(1)], mosquitto: [run(4)] }, { portcullis: [run(1)], mosquitto: [run(6)] }),
  ]);

  it('have as many cells in each line of Markdown as in its head', () => {
    const late = { ...run(1), measurements: [{ ...MEASUREMENT, p50Us: 40, p99Us: 90, lateP99Us: 12 }] };
    const paced = summarize(results('latency-paced', { portcullis: [late], mosquitto: [late] }));
    assert.match(markdownTables(paced), / 12 \/ 12 /);
    const tables = [...markdownTables(rows).split('\n\n'), markdownTables(paced)];
    assert.equal(tables.length, 3);
    for (const table of tables) assert.equal(new Set(table.split('\n').map((line) => line.split('|').length)).size, 1, table);
  });

  it('say in Markdown what was measured', () => {
    assert.ok(
      markdownTables(rows).includes('| pairs-q0 | CPU s/M deliveries | 0.25 (1.00..1.00) | 2 (1.00..1.00) | **0.13** | 1,000 | 1,000 | 0/1, 0/1 |'),
    );
  });

  it('have a column for each kind of figure that there is', () => {
    const [head = ''] = textTable(rows).split('\n');
    assert.match(head, /to best peer/);
    assert.match(head, /growth/);
    assert.doesNotMatch(head, /p50/);
  });

  it('write numbers short', () => {
    assert.deepEqual([0, 0.012345, 1.5, 99.94, 100.4, 1_234_567, null].map(figure), ['0', '0.0123', '1.5', '99.9', '100', '1,234,567', '–']);
  });
});
