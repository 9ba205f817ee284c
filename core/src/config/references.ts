import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { nameHint } from './did-you-mean.js';
import type { JsonDocument } from './json-document.js';
import { type Problem, quoted, type Segment } from './problem.js';

/** Schema keyword, set by us only, of places where `{"$env": …}` and `{"$file": …}` may stand for a text. */
export const REFERENCE_KEYWORD = '$reference';

const FORMS = '{"$env": "NAME"} or {"$file": "path"}';
const KEYS = ['$env', '$file'];
const MAX_SECRET_BYTES = 65_536;

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

/**
 * A copy of the value in which every reference is replaced by what it stands for. Problems name the place only: someone may have written the
 * secret itself where its name belongs.
 */
export function resolveReferences(
  value: unknown,
  segments: readonly Segment[],
  source: ReferenceSource,
  document: JsonDocument,
): [unknown, Problem[]] {
  const problems: Problem[] = [];
  const walk = (part: unknown, path: readonly Segment[]): unknown => {
    if (Array.isArray(part)) return part.map((item, index) => walk(item, [...path, index]));
    if (typeof part !== 'object' || part === null) return part;
    if (KEYS.some((key) => Object.hasOwn(part, key)) && referenceFault(false, part) === null) {
      const [text, fault] = lookUp(part as Record<string, string>, source);
      if (fault !== null) problems.push(document.problem(path, fault));
      return text;
    }
    return Object.fromEntries(Object.entries(part).map(([key, inner]) => [key, walk(inner, [...path, key])]));
  };
  return [walk(value, segments), problems];
}

function lookUp(reference: Record<string, string>, { env, folder }: ReferenceSource): [string, string | null] {
  if (Object.hasOwn(reference, '$env')) {
    const name = reference.$env as string;
    const text = Object.hasOwn(env, name) ? env[name] : undefined;
    if (text === undefined) return ['', 'the environment variable named here is not set'];
    return text === '' ? ['', 'the environment variable named here is empty'] : [text, null];
  }
  return readSecret(resolve(folder, reference.$file as string));
}

function readSecret(path: string): [string, string | null] {
  let bytes: Buffer;
  try {
    // Asked first: opening a pipe that nobody writes to would wait for ever.
    const stat = statSync(path);
    if (!stat.isFile()) return ['', 'what is named here is not a regular file'];
    if (stat.size > MAX_SECRET_BYTES) return ['', `the file named here is larger than ${MAX_SECRET_BYTES} bytes`];
    bytes = readFileSync(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return ['', code === 'ENOENT' ? 'the file named here does not exist' : `the file named here cannot be read (${code ?? 'unknown error'})`];
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return ['', 'the file named here is not UTF-8'];
  }
  // Editors and echo end a file with a line break; no one means it.
  text = text.replace(/\r?\n$/, '');
  if (text.includes('\0')) return ['', 'the file named here contains U+0000'];
  return text === '' ? ['', 'the file named here is empty'] : [text, null];
}
