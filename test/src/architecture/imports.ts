import { type Token, tokenize } from './tokens.js';

/** One place where a file reaches for another. */
export interface ImportSite {
  /** What is imported, or null when it is computed while running. */
  readonly specifier: string | null;
  /** `type` leaves nothing behind when built; `url` is a file named by `new URL(…, import.meta.url)`, a worker for example. */
  readonly kind: 'static' | 'dynamic' | 'type' | 'require' | 'url';
  readonly line: number;
}

/** Every import of a TypeScript file: static, dynamic, type-only, re-exported, required, or named as a URL beside the file. */
export function findImports(source: string): ImportSite[] {
  const tokens = tokenize(source);
  const sites: ImportSite[] = [];
  for (let at = 0; at < tokens.length; at += 1) {
    const token = tokens[at];
    if (token?.kind !== 'word' || isMember(tokens, at)) continue;
    const site = siteAt(tokens, at, token);
    if (site !== null) sites.push(site);
  }
  return sites;
}

function siteAt(tokens: readonly Token[], at: number, token: Token): ImportSite | null {
  const next = tokens[at + 1];
  const { line } = token;
  if (token.text === 'import' && next?.kind === 'string') return { specifier: next.text, kind: 'static', line };
  if (token.text === 'import' && next?.text === '(') return called(tokens, at, isTypeQuery(tokens, at) ? 'type' : 'dynamic');
  if (token.text === 'from' && next?.kind === 'string') return { specifier: next.text, kind: isTypeOnly(tokens, at) ? 'type' : 'static', line };
  if (token.text === 'require' && next?.text === '(') return called(tokens, at, 'require');
  if (token.text === 'require' && next?.text === '.' && tokens[at + 2]?.text === 'resolve') return called(tokens, at + 2, 'require');
  if (token.text === 'URL' && next?.text === '(' && tokens[at + 4]?.text === 'import') {
    const name = tokens[at + 2];
    return name?.kind === 'string' ? { specifier: name.text, kind: 'url', line } : null;
  }
  return null;
}

function called(tokens: readonly Token[], at: number, kind: ImportSite['kind']): ImportSite {
  const argument = tokens[at + 2];
  const line = tokens[at]?.line ?? 0;
  return { specifier: argument?.kind === 'string' && tokens[at + 3]?.text !== '+' ? argument.text : null, kind, line };
}

function isMember(tokens: readonly Token[], at: number): boolean {
  return tokens[at - 1]?.text === '.' && tokens[at - 2]?.text !== '.';
}

/** `import('x').Name` after a colon, `|`, `<` or `=` of a type. A wrong guess only makes the check stricter: it takes a type for code. */
function isTypeQuery(tokens: readonly Token[], at: number): boolean {
  const before = tokens[at - 1]?.text;
  if (before === 'typeof') return true;
  return tokens[at + 3]?.text === ')' && tokens[at + 4]?.text === '.' && /^[A-Z]/.test(tokens[at + 5]?.text ?? '') && before !== 'await';
}

/** Walks back from `from` to the `import` or `export` that it belongs to. */
function isTypeOnly(tokens: readonly Token[], at: number): boolean {
  for (let back = at - 1; back >= 0; back -= 1) {
    const word = tokens[back];
    if (word?.kind !== 'word' || (word.text !== 'import' && word.text !== 'export')) continue;
    // `import { type A } from …` is not one: verbatim module syntax keeps the import itself.
    return tokens[back + 1]?.text === 'type' && tokens[back + 2]?.text !== 'from' && tokens[back + 2]?.text !== ',';
  }
  return false;
}
