import { parseStrictJson } from '@portcullis/sdk';
import pg from 'pg';

/** Types of PostgreSQL that a column may have, by what they are read as. */
export const TYPES = {
  text: [25, 1043, 1042, 19],
  boolean: [16],
  integer: [20, 21, 23],
  'text[]': [1009, 1015, 1014, 1003],
  json: [114, 3802],
  uuid: [2950],
} as const satisfies Record<string, readonly number[]>;

export type TypeName = keyof typeof TYPES;

/** An answer that is wrong in itself, as a value that is none of its type: no reason to think the server away. */
export class MalformedAnswer extends Error {}

type Parser = (text: string) => unknown;

const asText: Parser = (text) => text;
const parseTextArray: Parser = (pg.types.getTypeParser as (oid: number) => Parser)(1009);

const PARSERS = new Map<number, Parser>([
  ...TYPES.boolean.map((oid): [number, Parser] => [oid, parseBoolean]),
  ...TYPES.integer.map((oid): [number, Parser] => [oid, parseInteger]),
  ...TYPES['text[]'].map((oid): [number, Parser] => [oid, parseTextArray]),
  ...TYPES.json.map((oid): [number, Parser] => [oid, parseJson]),
]);

/** How the text of a value is read; whatever is no type of ours stays text, and is refused where another is awaited. */
export function parserOf(oid: number): Parser {
  return PARSERS.get(oid) ?? asText;
}

function parseBoolean(text: string): boolean {
  if (text === 't') return true;
  if (text === 'f') return false;
  throw new MalformedAnswer('a boolean is neither t nor f');
}

/** The driver itself would give a bigint as text, and any text but the empty one counts as true. */
function parseInteger(text: string): number {
  const number = Number(text);
  if (!/^-?\d{1,16}$/.test(text) || !Number.isSafeInteger(number)) throw new MalformedAnswer('an integer is beyond what can be counted');
  return number;
}

/** In `json` a name may stand twice, and others who read it may take the first: which one was meant nobody can tell. */
function parseJson(text: string): unknown {
  try {
    return parseStrictJson(text);
  } catch (error) {
    throw new MalformedAnswer(`a JSON value ${(error as Error).message}`);
  }
}
