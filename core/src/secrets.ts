import { inspect } from 'node:util';

/** Shorter than any value that is hidden, so that hiding one makes no other. */
const HIDDEN = '[***]';

/** Shorter texts occur by chance: hiding them would make a log unreadable and hide nothing. */
const MIN_CHARACTERS = 6;
/** A line of a secret that has many (a key in PEM) counts from here on: an error may quote one. */
const MIN_LINE_CHARACTERS = 12;
/** Fewer characters of Base64 occur by chance. */
const MIN_BASE64_CHARACTERS = 6;
/** Longer secrets are looked for as they are only, and in the usual encodings. */
const MAX_ESCAPED_BYTES = 256;
const MAX_VALUES = 1000;
/** An escape such as `\\u0007` is the longest. */
const MAX_CHARACTERS_PER_BYTE = 6;

/**
 * What was escaped four times has fifteen. Bounded: a client may send a name of nothing else, and to count them from each place on would take the
 * square of its length.
 */
const BACKSLASHES = '\\\\{1,15}';

/** How control characters are written behind a backslash. */
const LETTERS: Readonly<Record<string, string>> = { '\n': 'n', '\r': 'r', '\t': 't', '\b': 'b', '\f': 'f' };

/** How a secret may stand in a text. */
export type Form = string | RegExp;

/**
 * The secret as it is, as JSON, as Node prints it, in an address, in hexadecimal, in Base64, also in the middle of other bytes that were encoded
 * with it. The longest first.
 */
export function formsOf(secret: Uint8Array): readonly Form[] {
  const bytes = Buffer.from(secret);
  const text = bytes.toString('utf8');
  const hex = bytes.toString('hex');
  const base64 = base64Forms(bytes);
  const forms = [
    text,
    JSON.stringify(text).slice(1, -1),
    inspect(text).slice(1, -1),
    hex,
    hex.toUpperCase(),
    ...base64,
    ...base64.map((form) => form.replaceAll('+', '-').replaceAll('/', '_')),
  ];
  const literal = [...new Set(forms)].filter((form) => form !== '').sort((a, b) => b.length - a.length);
  return bytes.length > 0 && bytes.length <= MAX_ESCAPED_BYTES ? [escapedForm(text), ...literal] : literal;
}

/**
 * Encoders do not agree on which characters they escape, and what was encoded once is often encoded again: so each character may be escaped or not,
 * in the way of addresses or with backslashes, of which there may be several.
 */
function escapedForm(text: string): RegExp {
  return new RegExp(Array.from(text, (character) => `(?:${[...waysOf(character)].join('|')})`).join(''), 'g');
}

function* waysOf(character: string): Generator<string> {
  if (character === '\\') yield BACKSLASHES;
  else yield `${/["'`/]/.test(character) ? `(?:${BACKSLASHES})?` : ''}${character.replace(/[$.*+?()[\]{}^|/-]/g, '\\$&')}`;
  if (character === ' ') yield '\\+';
  const letter = LETTERS[character];
  if (letter !== undefined) yield BACKSLASHES + letter;
  const percent = Buffer.from(character).toString('hex').replace(/../g, '%$&');
  if (/[ -~]/.test(character) && !/["'&<>/\\`]/.test(character)) return yield eitherCase(percent);
  const units = Array.from({ length: character.length }, (_, at) => `${BACKSLASHES}u${character.charCodeAt(at).toString(16).padStart(4, '0')}`);
  for (const escaped of [percent, units.join('')]) yield eitherCase(escaped);
}

/** Hexadecimal digits may be large. */
function eitherCase(escaped: string): string {
  return escaped.replace(/(?<!\\)[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);
}

/** Base64 by itself, and the characters of it that do not depend on bytes before and behind: three, for where a group of three may begin. */
function base64Forms(bytes: Buffer): string[] {
  const padded = bytes.toString('base64');
  const forms = [padded, padded.replaceAll('=', '')];
  for (const [before, skipped] of [
    [0, 0],
    [1, 2],
    [2, 3],
  ] as const) {
    const whole = Math.floor(((before + bytes.length) * 8) / 6);
    forms.push(
      Buffer.concat([Buffer.alloc(before), bytes])
        .toString('base64')
        .slice(skipped, whole),
    );
  }
  return forms.filter((form) => form.length >= MIN_BASE64_CHARACTERS);
}

/** A text without the secret, in whatever form it stands there. */
export function without(text: string, forms: readonly Form[], instead = HIDDEN): string {
  let clean = text;
  for (const form of forms) clean = clean.replaceAll(form, instead);
  return clean;
}

/** Secrets of the configuration, which must not stand in a log, whoever writes it. */
export class Secrets {
  /** Values by their forms; those of earlier configurations too, since their plugins may still have something to say. */
  readonly #values = new Map<string, readonly Form[]>();
  /** The longest value first: one may be part of another. */
  #known: readonly (readonly [characters: number, forms: readonly Form[]])[] = [];
  /** No form is longer, in characters. */
  longest = 0;

  /** Hides these values from now on. Of more than a thousand, those that were named last. */
  add(values: Iterable<string>): void {
    for (const value of values) {
      for (const part of partsOf(value)) {
        const forms = this.#values.get(part) ?? formsOf(Buffer.from(part));
        this.#values.delete(part);
        this.#values.set(part, forms);
      }
    }
    for (const oldest of this.#values.keys()) {
      if (this.#values.size <= MAX_VALUES) break;
      this.#values.delete(oldest);
    }
    const longestFirst = [...this.#values].sort(([a], [b]) => b.length - a.length);
    this.#known = longestFirst.map(([value, forms]) => [value.length, forms]);
    this.longest = Math.max(0, ...longestFirst.map(([value, forms]) => longestOf(Buffer.byteLength(value), forms)));
  }

  hide(text: string): string {
    let clean = text;
    // No form is shorter than what it stands for.
    for (const [characters, forms] of this.#known) if (clean.length >= characters) clean = without(clean, forms);
    return clean;
  }
}

/** How long a text can be in which one of these forms is found. */
function longestOf(bytes: number, forms: readonly Form[]): number {
  return Math.max(...forms.map((form) => (typeof form === 'string' ? form.length : bytes * MAX_CHARACTERS_PER_BYTE)));
}

/** The value as a whole, its lines if it has many, and the passwords in it if it says where a backend is. */
function partsOf(value: string): string[] {
  const lines = value.split(/\r?\n/);
  const parts = lines.length === 1 ? [] : lines.map((line) => line.trim()).filter((line) => line.length >= MIN_LINE_CHARACTERS);
  return [value, ...parts, ...passwordsIn(value)].filter((part) => part.length >= MIN_CHARACTERS);
}

/** What a driver may quote by itself: the password of an address, as it stands there and decoded, and those of `password=…` and its kin. */
function passwordsIn(value: string): string[] {
  const ofAddress = /^[a-z][a-z0-9+.-]*:\/\/[^/?#@]*?:([^/?#]*)@/i.exec(value)?.[1];
  const named = [...value.matchAll(/(?:password|pwd|secret|token)=([^\s;&]+)/gi)].map(([, password = '']) => password);
  return [...(ofAddress === undefined ? [] : [ofAddress]), ...named].flatMap((password) => [password, decoded(password)]);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
