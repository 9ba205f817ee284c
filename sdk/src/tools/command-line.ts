import { type ParseArgsConfig, parseArgs } from 'node:util';
import type { PasswordHashFormat } from '../passwords/index.js';
import { UsageError } from './tool-error.js';

/** Names of hash formats on command lines: those of mosquitto_passwd, and of the formats that it does not know. */
export const HASH_FORMATS: ReadonlyMap<string, PasswordHashFormat> = new Map([
  ['sha512', 'sha512'],
  ['sha512-pbkdf2', 'pbkdf2-sha512'],
  ['argon2id', 'argon2id'],
  ['bcrypt', 'bcrypt'],
  ['scrypt', 'scrypt'],
]);

const SHORT_ACTIONS: ReadonlyMap<string, readonly string[]> = new Map([
  ['read', ['subscribe', 'receive']],
  ['write', ['publish']],
  ['all', ['publish', 'subscribe', 'receive']],
]);

type Options = NonNullable<ParseArgsConfig['options']>;
type Parsed<Known extends Options> = ReturnType<typeof parseArgs<{ args: string[]; allowPositionals: true; options: Known }>>;

/** Parts options from words. Throws `UsageError` for an option that is not known or is empty; `-b` (`--batch`) says that words may be passwords. */
export function readOptions<const Known extends Options>(args: readonly string[], options: Known): Parsed<Known> {
  const parsed = parseOptions(args, options);
  for (const [name, value] of Object.entries(parsed.values)) if (value === '') throw new UsageError(`--${name} needs a value`);
  return parsed;
}

function parseOptions<const Known extends Options>(args: readonly string[], options: Known): Parsed<Known> {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (error) {
    // With -b, what looks like an option may be a password.
    if (args.some((arg) => /^-[a-zA-Z]*b|^--batch/.test(arg)))
      throw new UsageError('an option is not known; arguments that begin with "-" stand behind "--"');
    // Node goes on with advice of its own, of several lines.
    const [first = ''] = (error instanceof Error ? error.message : '').split(/\.\s|\n/);
    throw new UsageError(first.charAt(0).toLowerCase() + first.slice(1));
  }
}

/** Finds the command, one word or two, at the beginning of the words. Throws `UsageError` when it is none of those that are known. */
export function splitCommand<Kind extends string>(positionals: readonly string[], known: readonly Kind[]): [kind: Kind, words: readonly string[]] {
  const [first = '', second = ''] = positionals;
  if (first === '') throw new UsageError('a command is needed');
  for (const kind of known) if (kind === first || kind === `${first} ${second}`) return [kind, positionals.slice(kind === first ? 1 : 2)];
  const begun = known.filter((kind) => kind.startsWith(`${first} `));
  if (begun.length === 0) throw new UsageError(`there is no command ${JSON.stringify(first.slice(0, 64))}`);
  throw new UsageError(`"${first}" is followed by ${begun.map((kind) => kind.slice(first.length + 1)).join(', ')}`);
}

/** The arguments of a command, exactly as many as it has. Throws `UsageError` for more and for fewer. */
export function takeArguments<const Names extends readonly string[]>(
  kind: string,
  words: readonly string[],
  ...names: Names
): { [at in keyof Names]: string } {
  if (words.length < names.length) throw new UsageError(`"${kind}" needs ${names.slice(words.length).join(' and ')}`);
  if (words.length > names.length) throw new UsageError(`"${kind}" takes no argument after ${names.length === 0 ? 'it' : names[names.length - 1]}`);
  return words as unknown as { [at in keyof Names]: string };
}

/** A name, and a password where `-b` (`batch`) was given, else null: it is to be asked for. Throws `UsageError` that repeats no password. */
export function takeNamePassword(
  kind: string,
  words: readonly string[],
  batch: boolean | undefined,
): readonly [name: string, password: string | null] {
  if (batch === true) return takeArguments(kind, words, 'a name', 'the password');
  // What follows the name may be a password that somebody thought to give so: not repeated in the complaint.
  if (words.length === 2) throw new UsageError(`"${kind}" asks for the password; -b takes it from the command line`);
  return [takeArguments(kind, words, 'a name')[0], null];
}

/** The hash format that `-H` names, Argon2id without it. Throws `UsageError` for another name. */
export function readHashFormat(name: string | undefined): PasswordHashFormat {
  const format = HASH_FORMATS.get(name ?? 'argon2id');
  if (format === undefined) throw new UsageError(`-H is one of ${[...HASH_FORMATS.keys()].join(', ')}`);
  return format;
}

/** Attributes given as `name=value`. Throws `UsageError` for another form, and for a name that comes twice. */
export function readAttributes(given: readonly string[]): Readonly<Record<string, string>> {
  const attributes: Record<string, string> = Object.create(null);
  for (const text of given) {
    const at = text.indexOf('=');
    if (at < 1) throw new UsageError('--attribute is name=value');
    const name = text.slice(0, at);
    if (name in attributes) throw new UsageError(`--attribute gives ${JSON.stringify(name)} twice`);
    attributes[name] = text.slice(at + 1);
  }
  return attributes;
}

/** Actions separated by commas, each once; `read`, `write` and `all` stand for several. What is none is left for the judge of rules. */
export function readActions(text: string): readonly string[] {
  return [...new Set(text.split(',').flatMap((action) => SHORT_ACTIONS.get(action) ?? [action]))];
}

/** The highest QoS, 0 to 2, that `--qos` names; null without it. Throws `UsageError` for anything else. */
export function readQos(text: string | undefined): number | null {
  if (text === undefined) return null;
  if (!/^[012]$/.test(text)) throw new UsageError('--qos is 0, 1 or 2');
  return Number(text);
}
