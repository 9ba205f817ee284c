import { JsonDocument, type JsonMember, type JsonNode, LineTable } from './json-document.js';
import { type Problem, pathText, quoted, type Segment } from './problem.js';

export const MAX_JSON_BYTES = 4 * 1024 * 1024;
export const MAX_JSON_DEPTH = 64;

/** Keys that reach into prototypes in careless code, in plugins too. */
const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

export type JsonResult = { readonly document: JsonDocument } | { readonly problems: readonly Problem[] };

/**
 * Parses strict JSON and keeps positions. Stricter than `JSON.parse`, which takes the last of two equal keys and makes `__proto__` a key of
 * its own; refused besides are ill-formed UTF-8, half surrogate pairs, numbers beyond the range of a double and nesting beyond 64 levels.
 */
export function parseJson(bytes: Uint8Array): JsonResult {
  if (bytes.length > MAX_JSON_BYTES) return { problems: [wholeFile('is larger than 4 MiB', 'configuration is small; is this the right file?')] };
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { problems: [{ ...invalidUtf8Position(bytes), path: '', message: 'is not UTF-8 here', hint: 'save the file as UTF-8' }] };
  }
  const lines = new LineTable(text);
  const parser = new Parser(text, lines);
  try {
    const root = parser.parse();
    return { document: new JsonDocument(root, lines, parser.problems) };
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    return { problems: [{ ...lines.position(error.offset), path: '', message: error.message, hint: error.hint }] };
  }
}

export function wholeFile(message: string, hint: string | null): Problem {
  return { line: 0, column: 0, path: '', message, hint };
}

class JsonSyntaxError extends Error {
  readonly offset: number;
  readonly hint: string | null;

  constructor(offset: number, message: string, hint: string | null = null) {
    super(message);
    this.offset = offset;
    this.hint = hint;
  }
}

const ESCAPES: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const LONE_SURROGATE = /\p{Surrogate}/u;
const WORD = /[\p{L}\p{N}_$.+-]+/uy;

class Parser {
  readonly problems: Problem[] = [];
  readonly #text: string;
  readonly #lines: LineTable;
  readonly #path: Segment[] = [];
  #at = 0;

  constructor(text: string, lines: LineTable) {
    this.#text = text;
    this.#lines = lines;
  }

  parse(): JsonNode {
    this.#space();
    if (this.#at >= this.#text.length) throw new JsonSyntaxError(this.#at, 'the file is empty: expected an object in braces { }');
    const root = this.#value(0);
    this.#space();
    if (this.#at < this.#text.length) this.#unexpected('the end of the file');
    return root;
  }

  #space(): void {
    for (;;) {
      const unit = this.#text.charCodeAt(this.#at);
      if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return;
      this.#at += 1;
    }
  }

  #value(depth: number): JsonNode {
    const offset = this.#at;
    switch (this.#text[offset]) {
      case '{':
        return this.#object(depth + 1);
      case '[':
        return this.#list(depth + 1);
      case '"':
        return { value: this.#string(), offset, members: null, items: null };
      default:
        return { value: this.#scalar(), offset, members: null, items: null };
    }
  }

  #deeper(depth: number): void {
    if (depth > MAX_JSON_DEPTH) throw new JsonSyntaxError(this.#at, `nested deeper than ${MAX_JSON_DEPTH} levels`);
    this.#at += 1;
    this.#space();
  }

  #object(depth: number): JsonNode {
    const offset = this.#at;
    const value = Object.create(null) as Record<string, unknown>;
    const members = new Map<string, JsonMember>();
    this.#deeper(depth);
    if (this.#text[this.#at] === '}') {
      this.#at += 1;
      return { value, offset, members, items: null };
    }
    do {
      this.#space();
      if (this.#text[this.#at] !== '"') this.#unexpected(members.size === 0 ? 'a key in double quotes, or "}"' : 'a key in double quotes', '}');
      const keyOffset = this.#at;
      const key = this.#string();
      this.#space();
      if (this.#text[this.#at] !== ':') this.#unexpected('":" after the key');
      this.#at += 1;
      this.#space();
      this.#path.push(key);
      const node = this.#value(depth);
      this.#checkKey(key, keyOffset, members);
      this.#path.pop();
      if (!FORBIDDEN_KEYS.has(key) && !members.has(key)) {
        members.set(key, { keyOffset, node });
        value[key] = node.value;
      }
    } while (this.#more('}'));
    return { value, offset, members, items: null };
  }

  #checkKey(key: string, keyOffset: number, members: ReadonlyMap<string, JsonMember>): void {
    const first = members.get(key);
    const forbidden = FORBIDDEN_KEYS.has(key);
    if (first === undefined && !forbidden) return;
    const place = { ...this.#lines.position(keyOffset), path: pathText(this.#path) };
    if (forbidden) {
      this.problems.push({ ...place, message: `the key ${quoted(key)} is not allowed anywhere`, hint: null });
    } else if (first !== undefined) {
      const { line, column } = this.#lines.position(first.keyOffset);
      this.problems.push({ ...place, message: `the key ${quoted(key)} is given twice`, hint: `it stands at ${line}:${column} already` });
    }
  }

  #list(depth: number): JsonNode {
    const offset = this.#at;
    const items: JsonNode[] = [];
    this.#deeper(depth);
    if (this.#text[this.#at] === ']') {
      this.#at += 1;
      return { value: [], offset, members: null, items };
    }
    do {
      this.#space();
      if (this.#text[this.#at] === ']') this.#unexpected('a value', ']');
      this.#path.push(items.length);
      items.push(this.#value(depth));
      this.#path.pop();
    } while (this.#more(']'));
    return { value: items.map((item) => item.value), offset, members: null, items };
  }

  /** Whether a comma follows; eats it, or the closing bracket. */
  #more(close: '}' | ']'): boolean {
    this.#space();
    const next = this.#text[this.#at];
    if (next !== ',' && next !== close) this.#unexpected(`"," or "${close}"`);
    this.#at += 1;
    return next === ',';
  }

  #string(): string {
    const text = this.#text;
    const open = this.#at;
    let from = open + 1;
    let at = from;
    let result = '';
    for (;;) {
      const unit = text.charCodeAt(at);
      if (unit === 0x22) break;
      if (Number.isNaN(unit)) throw new JsonSyntaxError(open, 'this text has no closing quote');
      if (unit < 0x20) {
        if (unit === 0x0a || unit === 0x0d)
          throw new JsonSyntaxError(at, 'the line ends inside a text', 'close the quote; a line break in a text is \\n');
        throw new JsonSyntaxError(at, 'a control character inside a text', `write it as \\u${unit.toString(16).padStart(4, '0')}`);
      }
      if (unit !== 0x5c) {
        at += 1;
        continue;
      }
      result += text.slice(from, at) + this.#escape(at);
      at += text[at + 1] === 'u' ? 6 : 2;
      from = at;
    }
    this.#at = at + 1;
    const whole = result + text.slice(from, at);
    if (LONE_SURROGATE.test(whole))
      throw new JsonSyntaxError(open, 'this text contains half of a surrogate pair', 'characters beyond U+FFFF take two \\u escapes');
    return whole;
  }

  #escape(at: number): string {
    const letter = this.#text[at + 1] ?? '';
    if (letter === 'u') {
      const digits = this.#text.slice(at + 2, at + 6);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw new JsonSyntaxError(at, '\\u needs four hexadecimal digits');
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    const plain = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
    if (plain === undefined) throw new JsonSyntaxError(at, 'unknown escape after \\', 'a backslash itself is written \\\\');
    return plain;
  }

  #scalar(): unknown {
    WORD.lastIndex = this.#at;
    const word = WORD.exec(this.#text)?.[0] ?? '';
    if (word === '') this.#unexpected('a value');
    const offset = this.#at;
    this.#at += word.length;
    if (word === 'true') return true;
    if (word === 'false') return false;
    if (word === 'null') return null;
    NUMBER.lastIndex = 0;
    if (NUMBER.exec(word)?.[0] !== word) throw new JsonSyntaxError(offset, 'expected a value', wordHint(word));
    const value = Number(word);
    if (!Number.isFinite(value)) throw new JsonSyntaxError(offset, 'this number is too large');
    return value;
  }

  /** `close` names the bracket before which a comma was too much. */
  #unexpected(expected: string, close: '}' | ']' | null = null): never {
    const next = this.#text[this.#at];
    if (next === undefined) throw new JsonSyntaxError(this.#at, `the file ends too early: expected ${expected}`);
    if (next === '/' || next === '#') throw new JsonSyntaxError(this.#at, `expected ${expected}`, 'JSON has no comments');
    if (next === close) {
      const comma = this.#text.slice(0, this.#at).trimEnd().length - 1;
      if (this.#text[comma] === ',') throw new JsonSyntaxError(comma, `a comma before "${close}"`, 'remove the comma after the last entry');
    }
    if (next === "'") throw new JsonSyntaxError(this.#at, `expected ${expected}`, 'texts and keys stand in double quotes');
    throw new JsonSyntaxError(this.#at, `expected ${expected}`, this.#missingHint(next, expected));
  }

  #missingHint(next: string, expected: string): string | null {
    if (expected.startsWith('","')) return next === '"' || next === '{' || next === '[' ? 'is a comma missing before this?' : null;
    if (expected.startsWith('a key') && /[\w$]/.test(next)) return 'keys stand in double quotes';
    if (next === ',') return 'is there a comma too many?';
    return null;
  }
}

/** Never shows the word: an unquoted secret would be printed. */
function wordHint(word: string): string {
  if (/^(?:true|false|null)$/i.test(word)) return 'true, false and null are written in small letters';
  if (/^[-+.]?[0-9]/.test(word)) return 'numbers are written like 10, -0.5 or 1e3';
  return 'texts stand in double quotes';
}

/** Lines are split at the byte 0x0A, which is never part of a longer sequence. */
function invalidUtf8Position(bytes: Uint8Array): { line: number; column: number } {
  const fatal = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let line = 1;
  for (let start = 0; start <= bytes.length; line += 1) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline === -1 ? bytes.length : newline;
    const part = bytes.subarray(start, end);
    try {
      fatal.decode(part);
    } catch {
      return { line, column: validPrefix(part).length + 1 };
    }
    start = end + 1;
  }
  return { line, column: 1 };
}

/** What comes before the first ill-formed byte, cutting one byte at a time from the first replacement character that was not there. */
function validPrefix(bytes: Uint8Array): string {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  let at = 0;
  let prefix = '';
  for (const character of text) {
    if (character === '\uFFFD' && !(bytes[at] === 0xef && bytes[at + 1] === 0xbf && bytes[at + 2] === 0xbd)) break;
    prefix += character;
    at += Buffer.byteLength(character);
  }
  return prefix.startsWith('\uFEFF') ? prefix.slice(1) : prefix;
}
