import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Verdict } from './campaign.js';

/** A mutant that no test notices, and why that is so. */
export interface Survivor {
  readonly mutant: string;
  /** Equivalent: whatever is asked, the mutated code gives the same answers. Else it is a gap, and the reason says why it may stay open. */
  readonly equivalent: boolean;
  readonly why: string;
}

export interface RoomFigures {
  readonly room: string;
  readonly drawn: number;
  readonly killed: number;
  readonly hung: number;
  readonly survived: number;
}

/**
 * What a draw came to when nobody had looked at it, null where nobody wrote that down. Tests were written against its survivors since, so that it
 * proves nothing any more.
 */
export interface EarlierDraw {
  readonly oneIn: number;
  readonly seed: number;
  readonly drawn: number;
  readonly noticed: number | null;
  readonly equivalent: number;
}

/** What the last campaign of record came to. */
export interface CampaignRecord {
  readonly oneIn: number;
  readonly seed: number;
  readonly possible: number;
  readonly rooms: readonly RoomFigures[];
  readonly survivors: readonly Survivor[];
  /** The first was made first. */
  readonly earlier: readonly EarlierDraw[];
  /** Equivalent mutants that earlier draws have met, so that nobody has to think about them again when another draws them. */
  readonly known: readonly Survivor[];
}

/** Least share of the mutants that are not equivalent which the tests must notice. */
export const LEAST_SCORE = 0.95;

export function recordFile(root: string): string {
  return join(root, 'test', 'src', 'mutation', 'record.json');
}

export function readRecord(root: string): CampaignRecord {
  return JSON.parse(readFileSync(recordFile(root), 'utf8')) as CampaignRecord;
}

/** Whether tests were written against the survivors of this draw. */
export function isTuned({ earlier }: CampaignRecord, seed: number): boolean {
  return earlier.some((draw) => draw.seed === seed);
}

/**
 * The record after a campaign: reasons that were written by hand stay with their mutants, new survivors have none yet. Another draw than that of
 * the record takes its place; the old one is from then on one that tests may be written against.
 */
export function recorded(
  before: CampaignRecord,
  draw: Pick<CampaignRecord, 'oneIn' | 'seed' | 'possible'>,
  verdicts: readonly Verdict[],
): CampaignRecord {
  const reasons = new Map([...before.known, ...before.survivors].map((survivor) => [survivor.mutant, survivor]));
  const survivors = verdicts
    .filter(survives)
    .map(({ mutant }): Survivor => reasons.get(mutant.key) ?? { mutant: mutant.key, equivalent: false, why: '' });
  const rooms = figuresOf(verdicts);
  const { oneIn, seed, possible } = draw;
  if (oneIn === before.oneIn && seed === before.seed) return { ...before, possible, rooms, survivors };
  const { drawn, noticed, equivalent } = scoreOf(before);
  const earlier = [...before.earlier, { oneIn: before.oneIn, seed: before.seed, drawn, noticed, equivalent }];
  const known = [...reasons.values()].filter((survivor) => survivor.equivalent);
  return { oneIn, seed, possible, rooms, survivors, earlier, known };
}

export function writeRecord(root: string, record: CampaignRecord): void {
  writeFileSync(recordFile(root), `${JSON.stringify(record, null, 2)}\n`);
}

export function survives({ end }: Verdict): boolean {
  return end === 'survived' || end === 'not reached';
}

function figuresOf(verdicts: readonly Verdict[]): RoomFigures[] {
  const rooms = [...new Set(verdicts.map(({ mutant }) => roomOf(mutant.file)))];
  return rooms.map((room) => {
    const own = verdicts.filter(({ mutant }) => roomOf(mutant.file) === room);
    const count = (ends: (verdict: Verdict) => boolean): number => own.filter(ends).length;
    const [killed, hung] = [count(({ end }) => end === 'killed'), count(({ end }) => end === 'hung')];
    return { room, drawn: own.length, killed, hung, survived: count(survives) };
  });
}

function roomOf(file: string): string {
  return file.slice(0, file.indexOf('/'));
}

/** Noticed mutants, of all and of those that are not equivalent. */
export function scoreOf({ rooms, survivors }: Pick<CampaignRecord, 'rooms' | 'survivors'>) {
  const drawn = rooms.reduce((sum, figures) => sum + figures.drawn, 0);
  const noticed = rooms.reduce((sum, figures) => sum + figures.killed + figures.hung, 0);
  const equivalent = survivors.filter((survivor) => survivor.equivalent).length;
  return { drawn, noticed, equivalent, ofAll: noticed / drawn, score: noticed / (drawn - equivalent) };
}
