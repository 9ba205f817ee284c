/** Tags of the universal types that certificates and lists are made of. */
export const Tag = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  OBJECT_IDENTIFIER: 0x06,
  UTF8_STRING: 0x0c,
  NUMERIC_STRING: 0x12,
  PRINTABLE_STRING: 0x13,
  TELETEX_STRING: 0x14,
  IA5_STRING: 0x16,
  UTC_TIME: 0x17,
  GENERALIZED_TIME: 0x18,
  VISIBLE_STRING: 0x1a,
  UNIVERSAL_STRING: 0x1c,
  BMP_STRING: 0x1e,
  SEQUENCE: 0x30,
  SET: 0x31,
} as const;

/** Bytes that are no DER, or not what was expected there. */
export class DerError extends Error {}

/** One element: its tag, what is in it, and all of it. */
export interface DerElement {
  readonly tag: number;
  readonly content: Buffer;
  readonly whole: Buffer;
}

/** Reads elements that stand one behind the other. */
export class DerReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Tag of the next element; -1 behind the last. */
  get tag(): number {
    return this.#bytes[this.#at] ?? -1;
  }

  /** The next element, which must have this tag. */
  read(tag: number): DerElement {
    if (this.tag !== tag) throw new DerError(`tag ${this.tag} where ${tag} was expected`);
    return this.any();
  }

  /** The next element if it has this tag, else null. */
  optional(tag: number): DerElement | null {
    return this.tag === tag ? this.any() : null;
  }

  any(): DerElement {
    const bytes = this.#bytes;
    const start = this.#at;
    const tag = bytes[start] ?? 0;
    // Tags above 30 take several bytes. Neither certificates nor lists have any.
    if ((tag & 0x1f) === 0x1f || tag === 0) throw new DerError(`tag ${tag}`);
    const { length, headerBytes } = lengthAt(bytes, start + 1);
    const from = start + 1 + headerBytes;
    const to = from + length;
    if (to > bytes.length) throw new DerError('an element is longer than what it stands in');
    this.#at = to;
    return { tag, content: bytes.subarray(from, to), whole: bytes.subarray(start, to) };
  }

  /** Nothing may stand behind what was read. */
  end(): void {
    if (!this.done) throw new DerError('there is something behind the end');
  }
}

/** What is in a single element of this tag. */
export function inside(bytes: Buffer, tag: number): DerReader {
  const reader = new DerReader(bytes);
  const { content } = reader.read(tag);
  reader.end();
  return new DerReader(content);
}

function lengthAt(bytes: Buffer, at: number): { readonly length: number; readonly headerBytes: number } {
  const first = bytes[at];
  if (first === undefined) throw new DerError('it ends in the middle of an element');
  if (first < 0x80) return { length: first, headerBytes: 1 };
  const count = first & 0x7f;
  // 0 would be a length that is not known beforehand. Four bytes and more are more than any file that is read has.
  if (count === 0 || count > 4 || at + count >= bytes.length) throw new DerError('a length that cannot be');
  const length = bytes.readUIntBE(at + 1, count);
  if (length < 0x80 || (count > 1 && bytes[at + 1] === 0)) throw new DerError('a length in more bytes than it needs');
  return { length, headerBytes: 1 + count };
}

/** An object identifier, as numbers with points. */
export function objectIdentifier(content: Buffer): string {
  if (content.length === 0 || content.length > 64 || (content.at(-1) ?? 0) >= 0x80) throw new DerError('an object identifier that is none');
  const parts: bigint[] = [];
  let value = 0n;
  for (const byte of content) {
    if (value === 0n && byte === 0x80) throw new DerError('an object identifier that is none');
    value = (value << 7n) | BigInt(byte & 0x7f);
    if (byte >= 0x80) continue;
    if (parts.length > 0) parts.push(value);
    else {
      const first = value < 80n ? value / 40n : 2n;
      parts.push(first, value - first * 40n);
    }
    value = 0n;
  }
  return parts.join('.');
}

/** A serial number, or any other whole number: hexadecimal, as its bytes stand there without the zeros in front. */
export function integerHex(content: Buffer): string {
  if (content.length === 0) throw new DerError('a number without bytes');
  let zeros = 0;
  while (zeros < content.length - 1 && content[zeros] === 0) zeros += 1;
  return content.toString('hex', zeros);
}

const UTC = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
const GENERALIZED = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;

/** A UTCTime or GeneralizedTime as RFC 5280 wants it, in milliseconds since 1970. */
export function timeOf({ tag, content }: DerElement): number {
  const match = (tag === Tag.UTC_TIME ? UTC : tag === Tag.GENERALIZED_TIME ? GENERALIZED : null)?.exec(content.toString('latin1')) ?? null;
  if (match === null) throw new DerError('a time that is none');
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  // Two digits mean 1950 to 2049.
  const fullYear = tag === Tag.UTC_TIME ? year + (year < 50 ? 2000 : 1900) : year;
  const time = Date.UTC(fullYear, month - 1, day, hour, minute, second);
  const date = new Date(time);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59)
    throw new DerError('a time that is none');
  return time;
}
