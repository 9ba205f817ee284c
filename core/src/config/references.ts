import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { resolve } from 'node:path';
import { nameHint } from './did-you-mean.js';
import type { JsonDocument } from './json-document.js';
import { type Problem, quoted, type Segment } from './problem.js';

/** Schema keyword, set by us only, of places where `{"$env": …}` and `{"$file": …}` may stand for a text. */
export const REFERENCE_KEYWORD = '$reference';

const FORMS = '{"$env": "NAME"} or {"$file": "path"}';
const KEYS = ['$env', '$file'];
const MAX_SECRET_BYTES = 65_536;
/** The permission bit by which everybody may read a file. */
const OTHERS_READ = 0o004;

interface Fault {
  readonly message: string;
  readonly hint: string | null;
}

/** What is wrong with a value that should be a reference, or null. */
export function referenceFault(secret: boolean, data: unknown): Fault | null {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    return { message: `secrets are given as ${FORMS}`, hint: 'so that they do not stand in this file' };
  }
  const keys = Object.keys(data);
  const key = keys[0];
  const expected = secret ? FORMS : `text, or ${FORMS}`;
  if (key === undefined || keys.length > 1) return { message: `expected ${expected}`, hint: null };
  if (!KEYS.includes(key)) return { message: `expected ${expected}, found the key ${quoted(key)}`, hint: nameHint(key, KEYS) };
  const name = (data as Record<string, unknown>)[key];
  if (typeof name !== 'string' || name === '' || name.includes('\0')) {
    return { message: key === '$env' ? '"$env" takes the name of an environment variable' : '"$file" takes the path of a file', hint: null };
  }
  return null;
}

/** Where references are looked up. */
export interface ReferenceSource {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder that paths are relative to. */
  readonly folder: string;
}

/** A value whose references were looked up. */
export interface Resolved {
  /** A copy in which every reference is replaced by what it stands for. */
  readonly value: unknown;
  /** They name the place only: someone may have written the secret itself where its name belongs. */
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** What the references stand for: nothing that may be shown. */
  readonly secrets: readonly string[];
}

/** Looks up every reference in a value. */
export function resolveReferences(value: unknown, segments: readonly Segment[], source: ReferenceSource, document: JsonDocument): Resolved {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const secrets: string[] = [];
  const walk = (part: unknown, path: readonly Segment[]): unknown => {
    if (Array.isArray(part)) return part.map((item, index) => walk(item, [...path, index]));
    if (typeof part !== 'object' || part === null) return part;
    if (KEYS.some((key) => Object.hasOwn(part, key)) && referenceFault(false, part) === null) {
      const found = lookUp(part as Record<string, string>, source);
      if ('fault' in found) {
        problems.push(document.problem(path, found.fault, found.hint));
        return '';
      }
      if (found.exposed) warnings.push(document.problem(path, EXPOSED, EXPOSED_HINT));
      secrets.push(found.text);
      return found.text;
    }
    return Object.fromEntries(Object.entries(part).map(([key, inner]) => [key, walk(inner, [...path, key])]));
  };
  return { value: walk(value, segments), problems, warnings, secrets };
}

type Found = { readonly text: string; readonly exposed: boolean } | { readonly fault: string; readonly hint: string | null };

const EXPOSED = 'every account of this machine may read the file named here';
const EXPOSED_HINT = 'give it to the account of the broker, and chmod 600';

const refused = (fault: string, hint: string | null = null): Found => ({ fault, hint });

function lookUp(reference: Record<string, string>, { env, folder }: ReferenceSource): Found {
  if (!Object.hasOwn(reference, '$env')) return readSecret(resolve(folder, reference.$file as string));
  const name = reference.$env as string;
  const text = Object.hasOwn(env, name) ? env[name] : undefined;
  if (text === undefined) return refused('the environment variable named here is not set');
  if (text === '') return refused('the environment variable named here is empty');
  if (Buffer.byteLength(text) > MAX_SECRET_BYTES) return refused(`the environment variable named here is larger than ${MAX_SECRET_BYTES} bytes`);
  return { text, exposed: false };
}

function readSecret(path: string): Found {
  let descriptor: number | null = null;
  try {
    // Non-blocking: opening a pipe that nobody writes to would wait for ever. And opened first: what is judged is what is read.
    descriptor = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) return refused('what is named here is not a regular file');
    const bytes = Buffer.alloc(MAX_SECRET_BYTES + 1);
    let length = 0;
    for (let count = 1; count > 0 && length < bytes.length; length += count) count = readSync(descriptor, bytes, length, bytes.length - length, null);
    if (length > MAX_SECRET_BYTES) return refused(`the file named here is larger than ${MAX_SECRET_BYTES} bytes`);
    return secretIn(bytes.subarray(0, length), process.platform !== 'win32' && (stat.mode & OTHERS_READ) !== 0);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return refused('the file named here does not exist');
    if (code === 'EACCES' || code === 'EPERM') return refused("the broker's account may not read the file named here", 'change its owner or mode');
    return refused(`the file named here cannot be read (${code ?? 'unknown error'})`);
  } finally {
    if (descriptor !== null) closeSync(descriptor);
  }
}

function secretIn(bytes: Buffer, exposed: boolean): Found {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return refused('the file named here is not UTF-8');
  }
  // Editors and echo end a file with a line break; no one means it.
  text = text.replace(/\r?\n$/, '');
  if (text.includes('\0')) return refused('the file named here contains U+0000');
  return text === '' ? refused('the file named here is empty') : { text, exposed };
}
