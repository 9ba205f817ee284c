import { type DerElement, DerError, DerReader, inside, integerHex, objectIdentifier, Tag, timeOf } from './der.js';
import { type DistinguishedName, readName } from './names.js';
import { asciiText } from './text.js';

/** Kinds of alternative names that identify something. */
export type AlternativeKind = 'uri' | 'dns' | 'email' | 'ip';

export interface AlternativeName {
  readonly kind: AlternativeKind;
  /** Null for one that is no text of its kind. */
  readonly value: string | null;
}

/** What a certificate says, as far as anybody asks. */
export interface CertificateParts {
  /** Serial number in hexadecimal, without zeros in front. */
  readonly serial: string;
  /** DER of the issuer's name and of the subject. */
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly subjectName: DistinguishedName;
  /** Milliseconds since 1970. */
  readonly validFrom: number;
  readonly validTo: number;
  /** In the certificate's order. */
  readonly alternativeNames: readonly AlternativeName[];
}

const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';
const VERSION_FIELD = 0xa0;
const EXTENSIONS_FIELD = 0xa3;
const ALTERNATIVE_KINDS: ReadonlyMap<number, AlternativeKind> = new Map([
  [0x81, 'email'],
  [0x82, 'dns'],
  [0x86, 'uri'],
  [0x87, 'ip'],
]);

const CERTIFICATE_BLOCK = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]+-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/** The certificates of a text as OpenSSL finds them, each as PEM: what else stands there, such as attribute certificates, is none. */
export function certificateBlocks(text: string): readonly string[] {
  return text.match(CERTIFICATE_BLOCK) ?? [];
}

/** Reads a certificate; throws a `DerError` when it is none. RFC 5280 section 4.1. */
export function readCertificate(der: Buffer): CertificateParts {
  const outer = inside(der, Tag.SEQUENCE);
  const fields = new DerReader(outer.read(Tag.SEQUENCE).content);
  fields.optional(VERSION_FIELD);
  const serial = integerHex(fields.read(Tag.INTEGER).content);
  fields.read(Tag.SEQUENCE);
  const issuer = fields.read(Tag.SEQUENCE).whole;
  const validity = new DerReader(fields.read(Tag.SEQUENCE).content);
  const validFrom = timeOf(validity.any());
  const validTo = timeOf(validity.any());
  const subject = fields.read(Tag.SEQUENCE).whole;
  // Its key, and identifiers that nobody uses.
  fields.read(Tag.SEQUENCE);
  fields.optional(0x81);
  fields.optional(0x82);
  const extensions = fields.optional(EXTENSIONS_FIELD);
  fields.end();
  const alternativeNames = extensions === null ? [] : readAlternativeNames(extensions);
  return { serial, issuer, subject, subjectName: readName(subject), validFrom, validTo, alternativeNames };
}

/** One extension: its object identifier, and what is in its OCTET STRING. */
export interface Extension {
  readonly id: string;
  readonly critical: boolean;
  readonly value: Buffer;
}

/** Reads extensions. One that stands there twice is an error: which of them would hold? */
export function readExtensions(bytes: Buffer): Extension[] {
  const list = inside(bytes, Tag.SEQUENCE);
  const extensions: Extension[] = [];
  const seen = new Set<string>();
  while (!list.done) {
    const fields = new DerReader(list.read(Tag.SEQUENCE).content);
    const id = objectIdentifier(fields.read(Tag.OBJECT_IDENTIFIER).content);
    const critical = (fields.optional(Tag.BOOLEAN)?.content[0] ?? 0) !== 0;
    const value = fields.read(Tag.OCTET_STRING).content;
    fields.end();
    if (seen.has(id)) throw new DerError('an extension that is there twice');
    seen.add(id);
    extensions.push({ id, critical, value });
  }
  return extensions;
}

function readAlternativeNames({ content }: DerElement): AlternativeName[] {
  const extension = readExtensions(content).find(({ id }) => id === SUBJECT_ALTERNATIVE_NAME);
  if (extension === undefined) return [];
  const list = inside(extension.value, Tag.SEQUENCE);
  const names: AlternativeName[] = [];
  while (!list.done) {
    const { tag, content: value } = list.any();
    const kind = ALTERNATIVE_KINDS.get(tag);
    if (kind !== undefined) names.push({ kind, value: kind === 'ip' ? addressText(value) : asciiText(value) });
  }
  return names;
}

/** An address in its usual text: IPv6 in the shortest form. */
function addressText(bytes: Buffer): string | null {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) return null;
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
