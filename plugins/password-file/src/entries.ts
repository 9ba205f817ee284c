import { InvalidPluginConfig } from '@portcullis/sdk';

/** One user's line. */
export interface Entry {
  /** Counted from 1. */
  readonly line: number;
  readonly name: string;
  /** What stands behind the colon: a hash, or in a file that was never converted a password. */
  readonly stored: string;
}

const MAX_NAME_BYTES = 65_535;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/;

/**
 * Takes a password file apart: `name:hash` a line, blank lines, comments that begin with `#`.
 *
 * One line that is not exactly that refuses the whole file. Skipping it would turn a slip of the hand into a user that is gone, or, as it
 * has happened elsewhere, into one that needs no password. What stands behind a colon is never part of an error: it may be a password.
 */
export function parseEntries(path: string, text: string): Entry[] {
  const entries: Entry[] = [];
  const lineOf = new Map<string, number>();
  for (const [index, raw] of text.split('\n').entries()) {
    const line = index + 1;
    const content = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    if (content.startsWith('#') || content.trim() === '') continue;
    const entry = parseEntry(`${path}:${line}`, line, content);
    const first = lineOf.get(entry.name);
    if (first !== undefined) throw new InvalidPluginConfig(`${path}:${line}: names the same user as line ${first}; remove one of the two`);
    lineOf.set(entry.name, line);
    entries.push(entry);
  }
  return entries;
}

function parseEntry(where: string, line: number, content: string): Entry {
  const colon = content.indexOf(':');
  if (colon < 0) throw new InvalidPluginConfig(`${where}: holds no ":"; a line is name:hash, as portcullis-passwd writes it`);
  const name = content.slice(0, colon);
  const problem = nameProblem(name);
  if (problem !== null) throw new InvalidPluginConfig(`${where}: the username ${problem}; correct or remove the line`);
  const stored = content.slice(colon + 1);
  if (stored === '') throw new InvalidPluginConfig(`${where}: the user has no password hash; set one with portcullis-passwd or remove the line`);
  return { line, name, stored };
}

/** Why a username cannot stand in a password file, or null. */
export function nameProblem(name: string): string | null {
  if (name === '') return 'is empty';
  if (name.includes(':')) return 'holds a ":"';
  if (CONTROL.test(name)) return 'holds a control character';
  if (name.startsWith('#')) return 'begins with "#", as comments do';
  // Mosquitto drops such blanks when it reads the file: the two brokers would mean different users by one line.
  if (name.trim() !== name) return 'begins or ends with a blank';
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `is longer than ${MAX_NAME_BYTES} bytes`;
  return null;
}
