import { readFileSync, type Stats, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { errorText } from '../errors.js';
import type { JsonDocument } from './json-document.js';
import { type ReferenceSource, resolveReferences } from './references.js';
import type { FileContents, FileFault, TlsRemark } from './tls-contents.js';
import { type JudgedMaterial, type Judgement, TlsJudge, type TlsSettings } from './tls-material.js';
import type { NewestList } from './trust-judge.js';

/** Largest certificate or key file, in bytes: the certificates of every public authority together are a quarter of it. */
const MAX_BYTES = 1024 * 1024;
/** Largest file of revocation lists, in bytes: about a hundred thousand revoked certificates. */
const MAX_LIST_BYTES = 4 * 1024 * 1024;

type Content = FileContents extends ReadonlyMap<string, infer C> ? C : never;

/** What a later reading is told of the world. */
export interface ReadingTerms {
  /** Asked when files have been read: those that are being changed, so that what was read of them may be half of it. */
  readonly moving: () => Promise<ReadonlySet<string>>;
  readonly newest: NewestList;
}

/** What a later reading has found. */
export interface Reading {
  /** What holds from now on. */
  readonly material: JudgedMaterial;
  /** What is wrong, each with what holds in its place. They have paths, and nothing of what the files hold. */
  readonly problems: readonly string[];
  /** Files of lists that are gone. */
  readonly gone: readonly string[];
}

/** The certificates and keys that a listener's `tls` object names: read once for the check, and again whenever they change. */
export class TlsFiles {
  readonly material: JudgedMaterial;
  /** Every file, also that of the passphrase. */
  readonly files: readonly string[];
  /** Those of revocation lists among them. */
  readonly lists: readonly string[];
  readonly #settings: TlsSettings;
  /** Looks the passphrase up; null without one. */
  readonly #passphrase: (() => string) | null;
  /** What came of the last reading. */
  #held: JudgedMaterial;

  constructor(settings: TlsSettings, material: JudgedMaterial, secretFiles: readonly string[], passphrase: (() => string) | null) {
    this.#settings = settings;
    this.#passphrase = passphrase;
    this.material = material;
    this.#held = material;
    this.lists = [...listFiles(settings)];
    this.files = [...namedFiles(settings), ...secretFiles];
  }

  /** Reads and judges the files anew, one reading at a time. Where something cannot be used, what came of the reading before holds on. */
  async read({ moving, newest }: ReadingTerms): Promise<Reading> {
    const contents = new Map<string, Content>();
    const lists = listFiles(this.#settings);
    for (const path of namedFiles(this.#settings)) contents.set(path, await readLater(path, lists.has(path)));
    let passphrase: string | null = null;
    try {
      passphrase = this.#passphrase?.() ?? null;
    } catch (error) {
      for (const path of keyFiles(this.#settings)) contents.set(path, { message: errorText(error), hint: null, state: 'bad' });
    }
    for (const path of await moving()) {
      if (contents.has(path)) contents.set(path, { message: `${path} is being changed`, hint: null, state: 'moving' });
    }
    const held = { material: this.#held, newest };
    const { material, problems } = new TlsJudge(this.#settings, contents, passphrase, Date.now(), held).judge();
    this.#held = material ?? this.#held;
    const gone = [this.#held, ...this.#held.names.values()].flatMap(({ trust }) => trust.gone);
    return { material: this.#held, problems: [...new Set(problems.map((problem) => complaintOf(problem, gone)))], gone: [...new Set(gone)] };
  }
}

/** What is wrong, and what holds in its place. */
function complaintOf({ at, message, hint }: TlsRemark, gone: readonly string[]): string {
  const text = hint === null ? message : `${message} (${hint})`;
  const key = at[0] === 'names' ? at[2] : at[0];
  if (key === 'ca') return `${text}: the authorities read before stay in force`;
  if (key !== 'crl') return `${text}: the certificates read before stay in force`;
  if (gone.some((path) => message.includes(path))) return `${text}: until it is there and good, nobody new is accepted who needs a list of it`;
  return `${text}: what was read of it before stays in force until it expires`;
}

/** Judges the files as they are now. */
export function judgeNow(settings: TlsSettings, passphrase: string | null): Judgement {
  const lists = listFiles(settings);
  const contents = new Map(namedFiles(settings).map((path): [string, Content] => [path, readNow(path, lists.has(path))]));
  return new TlsJudge(settings, contents, passphrase, Date.now()).judge();
}

/** What looks a reference up that was found sound before; throws an error without any value when it no longer is. */
export function lookUpAgain(reference: unknown, source: ReferenceSource, document: JsonDocument): () => string {
  return () => {
    const { value, problems } = resolveReferences(reference, [], source, document);
    if (problems[0] !== undefined) throw new Error(`passphrase: ${problems[0].message}`);
    return String(value);
  };
}

function namedFiles(settings: TlsSettings): string[] {
  const all = [settings, ...settings.names.values()].flatMap(({ cert, key, ca, crl }) => [...cert, ...key, ...(ca === null ? [] : [ca]), ...crl]);
  return [...new Set(all)];
}

function keyFiles(settings: TlsSettings): string[] {
  return [settings, ...settings.names.values()].flatMap(({ key }) => key);
}

function listFiles(settings: TlsSettings): ReadonlySet<string> {
  return new Set([settings, ...settings.names.values()].flatMap(({ crl }) => crl));
}

function readNow(path: string, isList: boolean): Content {
  try {
    // Asked first: opening a pipe that nobody writes to would wait for ever.
    return unfit(path, statSync(path), isList) ?? readFileSync(path);
  } catch (error) {
    return unreadable(path, error);
  }
}

async function readLater(path: string, isList: boolean): Promise<Content> {
  try {
    return unfit(path, await stat(path), isList) ?? (await readFile(path));
  } catch (error) {
    return unreadable(path, error);
  }
}

function unfit(path: string, stats: Stats, isList: boolean): FileFault | null {
  if (!stats.isFile()) return { message: `${path} is not a file`, hint: null, state: 'bad' };
  const maxBytes = isList ? MAX_LIST_BYTES : MAX_BYTES;
  return stats.size > maxBytes ? { message: `${path} is larger than ${maxBytes} bytes`, hint: 'is it the right file?', state: 'bad' } : null;
}

function unreadable(path: string, error: unknown): FileFault {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return { message: `there is no file ${path}`, hint: 'paths are relative to the folder of this file', state: 'missing' };
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return { message: `${path}: the broker's account may not read it`, hint: 'change its owner or mode', state: 'bad' };
  }
  return { message: `${path} cannot be read (${code ?? 'unknown error'})`, hint: null, state: 'bad' };
}
