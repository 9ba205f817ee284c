import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CampaignRecord, type RoomFigures, scoreOf } from './record.js';

const BEGIN = '<!-- written by npm run campaign:mutants -- --write -->';
const END = '<!-- end -->';

export function documentFile(root: string): string {
  return join(root, 'docs', 'mutation.md');
}

/** The document with the part that a campaign writes replaced. */
export function documentWith(text: string, record: CampaignRecord): string {
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END, begin);
  if (begin < 0 || end < 0) throw new Error(`docs/mutation.md has no lines ${BEGIN} and ${END}`);
  return `${text.slice(0, begin + BEGIN.length)}\n\n${written(record)}\n${text.slice(end)}`;
}

export function writeDocument(root: string, record: CampaignRecord): void {
  const file = documentFile(root);
  writeFileSync(file, documentWith(readFileSync(file, 'utf8'), record));
}

function written(record: CampaignRecord): string {
  const { drawn, noticed, equivalent, ofAll, score } = scoreOf(record);
  const total: RoomFigures = {
    room: 'together',
    drawn,
    killed: sum(record, 'killed'),
    hung: sum(record, 'hung'),
    survived: sum(record, 'survived'),
  };
  return [
    `Drawn: one in ${record.oneIn} of ${record.possible} mutants, seed ${record.seed}, and one of every file.`,
    '',
    '| room | drawn | killed by a test | ended by time | survived |',
    '|---|---|---|---|---|',
    ...[...record.rooms, total].map(({ room, drawn: own, killed, hung, survived }) => `| ${room} | ${own} | ${killed} | ${hung} | ${survived} |`),
    '',
    `Noticed: ${noticed} of ${drawn}, ${percent(ofAll)}; without the ${equivalent} that are equivalent, **${percent(score)}**.`,
    '',
    ...section('Equivalent', record, true),
    ...section('Not noticed', record, false),
    ...earlierDraws(record),
  ].join('\n');
}

function earlierDraws({ earlier }: CampaignRecord): string[] {
  if (earlier.length === 0) return [];
  const rows = earlier.map(({ oneIn, seed, drawn, noticed, equivalent }) => {
    const shares = noticed === null ? ['–', '–', '–'] : [String(noticed), percent(noticed / drawn), percent(noticed / (drawn - equivalent))];
    return `| ${seed} | one in ${oneIn} | ${drawn} | ${equivalent} | ${shares.join(' | ')} |`;
  });
  return [
    '### Earlier draws',
    '',
    '| seed | share | drawn | equivalent | noticed | of all | of the others |',
    '|---|---|---|---|---|---|---|',
    ...rows,
    '',
  ];
}

function section(title: string, { survivors }: CampaignRecord, equivalent: boolean): string[] {
  const own = survivors.filter((survivor) => survivor.equivalent === equivalent);
  if (own.length === 0) return [];
  const rows = own.map(({ mutant, why }) => `| ${cell(mutant)} | ${why} |`);
  return [`### ${title}`, '', '| mutant | why |', '|---|---|', ...rows, ''];
}

/** Code in a table: a bar would end the cell, and a backtick the code. */
function cell(text: string): string {
  return `\`\` ${text.replaceAll('|', '\\|')} \`\``;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function sum({ rooms }: CampaignRecord, key: 'killed' | 'hung' | 'survived'): number {
  return rooms.reduce((total, figures) => total + figures[key], 0);
}
