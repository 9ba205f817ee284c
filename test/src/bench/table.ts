import type { SummaryRow } from './summary.js';

const NONE = '–';

/** A number short enough for a table: three digits that mean something, thousands apart. */
export function figure(value: number | null): string {
  if (value === null) return NONE;
  if (value !== 0 && Math.abs(value) < 100) return Number(value.toPrecision(3)).toString();
  return Math.round(value).toLocaleString('en');
}

function ratio(value: number | null): string {
  return value === null ? NONE : value.toFixed(2);
}

function spread(range: SummaryRow['spread']): string {
  return range === null ? NONE : `${range[0].toFixed(2)}..${range[1].toFixed(2)}`;
}

/** A table for the terminal: a line for each scenario and broker. */
export function textTable(rows: readonly SummaryRow[]): string {
  const compared = rows.some((row) => row.ratio !== null);
  const grown = rows.some((row) => row.growth !== null);
  const paced = rows.some((row) => row.lateP99Us !== null);
  const timed = rows.some((row) => row.p50Us !== null);
  const head = ['scenario', 'broker', 'cost', 'unit', 'spread'];
  if (compared) head.push('to best peer');
  if (grown) head.push('growth');
  head.push('per second');
  if (timed) head.push('p50 µs', 'p99 µs');
  if (paced) head.push('late p99 µs');
  head.push('MiB', 'generator', 'bad runs');
  const body = rows.map((row) => {
    const cells = [row.scenario, row.contestant, figure(row.headline), row.unit, spread(row.spread)];
    if (compared) cells.push(ratio(row.ratio));
    if (grown) cells.push(ratio(row.growth));
    cells.push(figure(row.ratePerSecond));
    if (timed) cells.push(figure(row.p50Us), figure(row.p99Us));
    if (paced) cells.push(figure(row.lateP99Us));
    cells.push(figure(row.memoryMiB), ratio(row.generatorCores), `${row.badRuns}/${row.runs}`);
    return cells;
  });
  return aligned([head, ...body]);
}

function aligned(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Tables for a document: a line for each scenario, the brokers beside each other; growth in a table of its own. */
export function markdownTables(rows: readonly SummaryRow[]): string {
  const contestants = [...new Set(rows.map(({ contestant }) => contestant))];
  const plain = rows.filter(({ growth }) => growth === null);
  const grown = rows.filter(({ growth }) => growth !== null);
  return [plain.length > 0 ? comparison(plain, contestants) : '', grown.length > 0 ? series(grown, contestants) : '']
    .filter((part) => part !== '')
    .join('\n\n');
}

function markdown(lines: readonly (readonly string[])[]): string {
  const [head = [], ...body] = lines;
  return [head, head.map(() => '---'), ...body].map((line) => `| ${line.join(' | ')} |`).join('\n');
}

function comparison(rows: readonly SummaryRow[], contestants: readonly string[]): string {
  const peers = contestants.length > 1;
  const paced = rows.some(({ lateP99Us }) => lateP99Us !== null);
  const head = [
    'scenario',
    'unit',
    ...contestants,
    ...(peers ? ['÷ best peer'] : []),
    ...contestants.map((name) => `${name}, per second`),
    ...(paced ? ['generator late, p99 µs'] : []),
    'bad runs',
  ];
  return markdown([
    head,
    ...grouped(rows, contestants).map((group) => [
      group[0]?.scenario ?? '',
      group.find(({ unit }) => unit !== '')?.unit ?? '',
      ...group.map((row) => `${figure(row.headline)} (${spread(row.spread)})`),
      ...(peers ? [`**${ratio(group[0]?.ratio ?? null)}**`] : []),
      ...group.map((row) => figure(row.ratePerSecond)),
      ...(paced ? [group.map((row) => figure(row.lateP99Us)).join(' / ')] : []),
      badRuns(group),
    ]),
  ]);
}

function series(rows: readonly SummaryRow[], contestants: readonly string[]): string {
  const head = ['series', 'unit', ...contestants.flatMap((name) => [name, `${name}, growth`]), 'bad runs'];
  return markdown([
    head,
    ...grouped(rows, contestants).map((group) => [
      group[0]?.scenario ?? '',
      group.find(({ unit }) => unit !== '')?.unit ?? '',
      ...group.flatMap((row) => [`${figure(row.headline)} (${spread(row.spread)})`, ratio(row.growth)]),
      badRuns(group),
    ]),
  ]);
}

function badRuns(group: readonly SummaryRow[]): string {
  return group.map((row) => `${row.badRuns}/${row.runs}`).join(', ');
}

/** The rows of each scenario, in the order of the contestants. */
function grouped(rows: readonly SummaryRow[], contestants: readonly string[]): SummaryRow[][] {
  const names = [...new Set(rows.map(({ scenario }) => scenario))];
  return names.map((name) => contestants.flatMap((contestant) => rows.find((row) => row.scenario === name && row.contestant === contestant) ?? []));
}
