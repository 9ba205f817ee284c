import { isBad } from './generator/verdict.js';
import type { Measurement } from './load.js';
import type { StepResult } from './rounds.js';

/** One line of a table: what all runs of one contestant say about one thing. Null is what could not be measured. */
export interface SummaryRow {
  readonly scenario: string;
  readonly contestant: string;
  readonly unit: string;
  readonly headline: number | null;
  /** Least and greatest headline of the runs over their median. */
  readonly spread: readonly [number, number] | null;
  /** Of the first contestant only: its headline over the best of the others. */
  readonly ratio: number | null;
  /** The contestant that `ratio` compares with. */
  readonly best: string | null;
  /** In a growth series: over the headline of the first step. */
  readonly growth: number | null;
  readonly ratePerSecond: number | null;
  readonly p50Us: number | null;
  readonly p99Us: number | null;
  readonly lateP99Us: number | null;
  readonly memoryMiB: number | null;
  readonly generatorCores: number | null;
  readonly badRuns: number;
  readonly runs: number;
}

/** Turns runs into lines: medians, spreads, ratios. The first contestant is the one that is compared. */
export function summarize(results: readonly StepResult[]): SummaryRow[] {
  const rows: SummaryRow[] = [];
  const firstSteps = new Map<string, number | null>();
  for (const result of results) {
    for (const row of rowNames(result)) {
      const own = [...result.runs.keys()].map((contestant) => summaryOf(result, contestant, row));
      const [first, ...others] = own;
      const best = others.reduce<SummaryRow | null>((least, each) => (isLess(each.headline, least?.headline ?? null) ? each : least), null);
      for (const each of own) {
        const key = `${result.scenario.name} ${row} ${each.contestant}`;
        if (!firstSteps.has(key)) firstSteps.set(key, each.headline);
        const compared = each === first && best !== null;
        rows.push({
          ...each,
          ratio: compared ? over(each.headline, best.headline) : null,
          best: compared ? best.contestant : null,
          growth: result.scenario.growth ? over(each.headline, firstSteps.get(key) ?? null) : null,
        });
      }
    }
  }
  return rows;
}

function isLess(value: number | null, than: number | null): boolean {
  return value !== null && (than === null || value < than);
}

function over(value: number | null, base: number | null): number | null {
  return value === null || base === null || base <= 0 ? null : value / base;
}

/** The lines that any run of the step has; one without a name when all failed. */
function rowNames({ runs }: StepResult): string[] {
  const names = new Set([...runs.values()].flat().flatMap(({ measurements }) => measurements.map(({ row }) => row)));
  return names.size === 0 ? [''] : [...names];
}

function summaryOf({ scenario, step, runs }: StepResult, contestant: string, row: string): SummaryRow {
  const own = runs.get(contestant) ?? [];
  const measured = own.flatMap(({ measurements }) => measurements.filter((each) => each.row === row));
  const middle = (field: keyof Omit<Measurement, 'row' | 'unit'>): number | null => median(measured.flatMap((each) => each[field] ?? []));
  const headlines = measured.flatMap(({ headline }) => headline ?? []);
  const headline = median(headlines);
  return {
    scenario: [scenario.name, step.label, row].filter((part) => part !== '').join(' '),
    contestant,
    unit: measured[0]?.unit ?? '',
    headline,
    spread: headline === null || headline <= 0 ? null : [Math.min(...headlines) / headline, Math.max(...headlines) / headline],
    ratio: null,
    best: null,
    growth: null,
    ratePerSecond: middle('ratePerSecond'),
    p50Us: middle('p50Us'),
    p99Us: middle('p99Us'),
    lateP99Us: middle('lateP99Us'),
    memoryMiB: middle('memoryMiB'),
    generatorCores: middle('generatorCores'),
    badRuns: own.filter(({ counts }) => isBad(counts)).length,
    runs: own.length,
  };
}

/** The middle value, or the mean of the two in the middle; null of none. */
export function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((one, other) => one - other);
  const half = sorted.length >> 1;
  const upper = sorted[half];
  if (upper === undefined) return null;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[half - 1] ?? upper)) / 2;
}
