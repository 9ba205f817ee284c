import { type DerElement, DerError, DerReader, inside, objectIdentifier, Tag } from './der.js';
import { textOf } from './text.js';

/** One attribute of a distinguished name. */
export interface NameAttribute {
  /** Object identifier, as numbers with points. */
  readonly type: string;
  readonly value: DerElement;
}

/** A distinguished name: in the certificate's order, with all attributes of one place together. */
export type DistinguishedName = readonly (readonly NameAttribute[])[];

/** Short names of attributes, as OpenSSL writes them. */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.4': 'SN',
  '2.5.4.5': 'serialNumber',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'street',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '2.5.4.12': 'title',
  '2.5.4.13': 'description',
  '2.5.4.15': 'businessCategory',
  '2.5.4.17': 'postalCode',
  '2.5.4.41': 'name',
  '2.5.4.42': 'GN',
  '2.5.4.43': 'initials',
  '2.5.4.44': 'generationQualifier',
  '2.5.4.46': 'dnQualifier',
  '2.5.4.65': 'pseudonym',
  '2.5.4.97': 'organizationIdentifier',
  '1.2.840.113549.1.9.1': 'emailAddress',
  '0.9.2342.19200300.100.1.1': 'UID',
  '0.9.2342.19200300.100.1.25': 'DC',
};

/** Reads a Name. */
export function readName(bytes: Buffer): DistinguishedName {
  const places = inside(bytes, Tag.SEQUENCE);
  const name: NameAttribute[][] = [];
  while (!places.done) {
    const attributes = new DerReader(places.read(Tag.SET).content);
    const place: NameAttribute[] = [];
    while (!attributes.done) place.push(readAttribute(attributes.read(Tag.SEQUENCE).content));
    if (place.length === 0) throw new DerError('a place of a name without an attribute');
    name.push(place);
  }
  return name;
}

function readAttribute(bytes: Buffer): NameAttribute {
  const reader = new DerReader(bytes);
  const type = objectIdentifier(reader.read(Tag.OBJECT_IDENTIFIER).content);
  const value = reader.any();
  reader.end();
  return { type, value };
}

/** Short name of an attribute, or its object identifier. */
export function attributeName(type: string): string {
  return SHORT_NAMES[type] ?? type;
}

/**
 * A name as text by RFC 2253, exactly as OpenSSL prints it with `-nameopt RFC2253`: the last attribute first, everything but ASCII as the
 * bytes of UTF-8 in hexadecimal. Null when a value is no text of its type.
 */
export function rfc2253(name: DistinguishedName): string | null {
  const places: string[] = [];
  for (const place of name) {
    const attributes: string[] = [];
    for (const { type, value } of place) {
      const written = writtenValue(type, value);
      if (written === null) return null;
      attributes.push(`${attributeName(type)}=${written}`);
    }
    places.push(attributes.reverse().join('+'));
  }
  return places.reverse().join(',');
}

const TEXTS: ReadonlySet<number> = new Set([
  Tag.UTF8_STRING,
  Tag.NUMERIC_STRING,
  Tag.PRINTABLE_STRING,
  Tag.TELETEX_STRING,
  Tag.IA5_STRING,
  Tag.VISIBLE_STRING,
  Tag.UNIVERSAL_STRING,
  Tag.BMP_STRING,
]);

/** What is of no known name or no type of text is written as its bytes. */
function writtenValue(type: string, value: DerElement): string | null {
  if (SHORT_NAMES[type] === undefined || !TEXTS.has(value.tag)) return `#${value.whole.toString('hex').toUpperCase()}`;
  const text = textOf(value);
  return text === null ? null : escaped(text);
}

function escaped(text: string): string {
  const bytes = Buffer.from(text);
  let result = '';
  for (const [index, byte] of bytes.entries()) {
    const character = String.fromCharCode(byte);
    const atEdge = (index === 0 && (byte === 0x20 || byte === 0x23)) || (index === bytes.length - 1 && byte === 0x20);
    if (byte < 0x20 || byte > 0x7e) result += `\\${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    else result += atEdge || ',+"\\<>;'.includes(character) ? `\\${character}` : character;
  }
  return result;
}

/**
 * The same text for names that OpenSSL takes for the same: types of text, case of ASCII letters and blanks make no difference. What is of no type
 * of text counts as its bytes.
 */
export function nameKey(name: DistinguishedName): string {
  return JSON.stringify(
    name.map((place) =>
      place
        .map(({ type, value }) => {
          const text = TEXTS.has(value.tag) ? textOf(value) : null;
          return text === null ? `${type}#${value.whole.toString('hex')}` : `${type}=${folded(text)}`;
        })
        .sort(),
    ),
  );
}

function folded(text: string): string {
  // Not by an expression that ends in `$`: that would go through a row of blanks once for each of them.
  const words = text.split(/[ \t\n\v\f\r]+/).filter((word) => word !== '');
  return words.join(' ').replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
