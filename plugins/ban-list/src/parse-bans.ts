import { InvalidPluginConfig } from '@portcullis/sdk';
import { type Network, parseNetwork } from './addresses.js';

/** One line of the file. */
export interface Ban {
  readonly line: number;
  readonly what: { readonly kind: 'address'; readonly network: Network } | { readonly kind: 'user' | 'client'; readonly name: string };
  /** Only in this tenant; null for everywhere. */
  readonly tenant: string | null;
  /** Milliseconds since 1970; Infinity for ever. */
  readonly until: number;
}

/** Patterns are looked at one after the other at each CONNECT. */
export const MAX_PATTERNS = 1000;
/** So many mistakes are named at once: they share one line of the log. */
const MAX_COMPLAINTS = 4;
const TENANT = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/;
const TIME = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2})?Z)?$/;
const TOKEN = /[ \t]*(?:(?<comment>#.*)|(?<quoted>"(?:[^"\\]|\\.)*")(?=[ \t]|$)|(?<bare>[^ \t"#][^ \t"]*)(?=[ \t]|$))/y;

/** A line that cannot be used, and why. */
class Complaint extends Error {}

/**
 * Reads a ban list, wholly or not at all. Throws InvalidPluginConfig with `path:number: what is wrong`, and the same of the next three mistakes.
 */
export function parseBans(path: string, text: string): Ban[] {
  const bans: Ban[] = [];
  const complaints: string[] = [];
  const patterns = { user: 0, client: 0 };
  const lines = text.split(/\r?\n/);
  // A file that was cut off by a full disk is not the wish to lift every ban.
  if (text.trim() === '') throw new InvalidPluginConfig(`${path}: is empty; a list that bans nobody has a comment that says so`);
  for (const [index, line] of lines.entries()) {
    try {
      const tokens = tokensOf(line);
      if (tokens.length === 0) continue;
      const ban = banOf(index + 1, tokens);
      if (ban.what.kind !== 'address' && ban.what.name.includes('*')) {
        patterns[ban.what.kind] += 1;
        if (patterns[ban.what.kind] > MAX_PATTERNS) throw new Complaint(`there are more than ${MAX_PATTERNS} patterns for ${ban.what.kind}`);
      }
      bans.push(ban);
    } catch (error) {
      if (!(error instanceof Complaint)) throw error;
      complaints.push(`${complaints.length === 0 ? `${path}:` : 'line '}${index + 1}: ${error.message}`);
      if (complaints.length === MAX_COMPLAINTS) break;
    }
  }
  if (complaints.length > 0) throw new InvalidPluginConfig(complaints.join('; '));
  return bans;
}

function tokensOf(line: string): string[] {
  const tokens: string[] = [];
  const end = line.trimEnd().length;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < end) {
    const at = TOKEN.lastIndex;
    const { comment, quoted, bare } = TOKEN.exec(line)?.groups ?? {};
    if (comment !== undefined) break;
    if (quoted !== undefined) tokens.push(unquoted(quoted));
    else if (bare !== undefined) tokens.push(bare);
    else throw new Complaint(`cannot be read from column ${at + 1} on; a name with blanks or quotes is written as in JSON, "like \\"this\\""`);
  }
  return tokens;
}

function unquoted(text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    throw new Complaint(`${text} is no string as JSON writes them`);
  }
}

function banOf(line: number, [kind, value, ...options]: readonly string[]): Ban {
  if (kind !== 'address' && kind !== 'user' && kind !== 'client') throw new Complaint(`begins with "${kind}" instead of address, user or client`);
  if (value === undefined) throw new Complaint(`there is nothing after "${kind}"`);
  return { line, what: kind === 'address' ? { kind, network: networkOf(value) } : { kind, name: nameOf(value) }, ...optionsOf(options) };
}

function networkOf(value: string): Network {
  const network = parseNetwork(value);
  if (typeof network === 'string') throw new Complaint(network);
  return network;
}

function nameOf(value: string): string {
  // More of them would have to be searched for in names of 64 KiB that strangers send.
  if (value.split('*').length > 2) throw new Complaint(`"${value}" has more than one *`);
  return value;
}

function optionsOf(words: readonly string[]): Pick<Ban, 'tenant' | 'until'> {
  let tenant: string | null = null;
  let until = Number.POSITIVE_INFINITY;
  const seen = new Set<string>();
  for (let at = 0; at < words.length; at += 2) {
    const [option = '', value] = words.slice(at, at + 2);
    if (option !== 'tenant' && option !== 'until') throw new Complaint(`"${option}" is neither tenant nor until; a comment begins with #`);
    if (value === undefined) throw new Complaint(`there is nothing after "${option}"`);
    if (seen.has(option)) throw new Complaint(`"${option}" stands there twice`);
    seen.add(option);
    if (option === 'until') until = timeOf(value);
    else if (TENANT.test(value)) tenant = value;
    else throw new Complaint(`"${value}" is no name of a tenant`);
  }
  return { tenant, until };
}

function timeOf(text: string): number {
  const time = TIME.test(text) ? Date.parse(text) : Number.NaN;
  // There is no 30th of February, though Date makes one of March of it.
  if (Number.isNaN(time) || !new Date(time).toISOString().startsWith(text.slice(0, 10))) {
    throw new Complaint(`"${text}" is no time; write 2027-01-31 or 2027-01-31T18:00Z, in UTC`);
  }
  return time;
}
