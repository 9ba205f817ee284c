import { readFileSync, type Stats, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import type { JsonDocument } from './json-document.js';
import { type ReferenceSource, resolveReferences } from './references.js';
import { type FileContents, type JudgedMaterial, type Judgement, TlsJudge, type TlsSettings } from './tls-material.js';

/** Largest certificate or key file, in bytes: the certificates of every public authority together are a quarter of it. */
const MAX_BYTES = 1024 * 1024;
/** Largest file of revocation lists, in bytes: about a hundred thousand revoked certificates. */
const MAX_LIST_BYTES = 4 * 1024 * 1024;

type Content = FileContents extends ReadonlyMap<string, infer C> ? C : never;

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

  constructor(settings: TlsSettings, material: JudgedMaterial, secretFiles: readonly string[], passphrase: (() => string) | null) {
    this.#settings = settings;
    this.#passphrase = passphrase;
    this.material = material;
    this.lists = [...listFiles(settings)];
    this.files = [...namedFiles(settings), ...secretFiles];
  }

  /** Reads and judges the files anew. Rejects with an error of one line, which holds paths and nothing of what the files hold. */
  async read(): Promise<JudgedMaterial> {
    const contents = new Map<string, Content>();
    const lists = listFiles(this.#settings);
    for (const path of namedFiles(this.#settings)) contents.set(path, await readLater(path, lists.has(path)));
    const { material, problems } = new TlsJudge(this.#settings, contents, this.#passphrase?.() ?? null, Date.now()).judge();
    if (material !== null) return material;
    throw new Error(problems.map(({ message, hint }) => (hint === null ? message : `${message} (${hint})`)).join('; '));
  }
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

function unfit(path: string, stats: Stats, isList: boolean): Exclude<Content, Buffer> | null {
  if (!stats.isFile()) return { message: `${path} is not a file`, hint: null };
  const maxBytes = isList ? MAX_LIST_BYTES : MAX_BYTES;
  return stats.size > maxBytes ? { message: `${path} is larger than ${maxBytes} bytes`, hint: 'is it the right file?' } : null;
}

function unreadable(path: string, error: unknown): Exclude<Content, Buffer> {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return { message: `there is no file ${path}`, hint: 'paths are relative to the folder of this file' };
  if (code === 'EACCES' || code === 'EPERM') return { message: `${path}: the broker's account may not read it`, hint: 'change its owner or mode' };
  return { message: `${path} cannot be read (${code ?? 'unknown error'})`, hint: null };
}
