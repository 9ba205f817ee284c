import { generateKeyPairSync, sign } from 'node:crypto';
import { Tag } from './der.js';

/** Makes DER byte by byte, so that certificates may hold what no library would write. */
export function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : length < 0x10000 ? [0x82, length >> 8, length & 0xff] : null;
  const long = size ?? [0x83, length >> 16, (length >> 8) & 0xff, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...long]), content]);
}

export const hex = (digits: string): Buffer => Buffer.from(digits.replaceAll(' ', ''), 'hex');

/** Object identifiers in DER, by the names of RFC 4514 and RFC 5280. */
export const OID = {
  CN: hex('0603 550403'),
  OU: hex('0603 55040b'),
  O: hex('0603 55040a'),
  C: hex('0603 550406'),
  UID: hex('060a 0992268993f22c640101'),
  /** 1.2.3.4: nobody's. */
  unknown: hex('0603 2a0304'),
  subjectAlternativeName: hex('0603 551d11'),
  ecdsaWithSha256: hex('0608 2a8648ce3d040302'),
} as const;

/** An attribute: which one, the tag of its value, its bytes. */
export type Attribute = readonly [oid: Buffer, tag: number, value: string | Buffer];

export function attribute([oid, tag, value]: Attribute): Buffer {
  return der(Tag.SEQUENCE, oid, der(tag, typeof value === 'string' ? Buffer.from(value) : value));
}

/** A name: each element one place, with one attribute or several. */
export function nameOf(...places: readonly (Attribute | readonly Attribute[])[]): Buffer {
  const isOne = (place: Attribute | readonly Attribute[]): place is Attribute => Buffer.isBuffer(place[0]);
  return der(Tag.SEQUENCE, ...places.map((place) => der(Tag.SET, ...(isOne(place) ? [place] : place).map(attribute))));
}

export const utf8 = (oid: Buffer, value: string): Attribute => [oid, Tag.UTF8_STRING, value];

export const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ALGORITHM = der(Tag.SEQUENCE, OID.ecdsaWithSha256);

export interface Contents {
  readonly subject?: Buffer;
  readonly issuer?: Buffer;
  /** Elements of GeneralNames. */
  readonly names?: readonly Buffer[];
  /** Further extensions. */
  readonly extensions?: readonly Buffer[];
  readonly serial?: Buffer;
}

/** A certificate with exactly this content. */
export function certificateOf({
  subject = nameOf(),
  issuer = nameOf(utf8(OID.CN, 'authority')),
  names,
  extensions = [],
  serial = hex('0a'),
}: Contents): Buffer {
  const all = [...(names === undefined ? [] : [extensionOf(OID.subjectAlternativeName, der(Tag.SEQUENCE, ...names))]), ...extensions];
  const content = der(
    Tag.SEQUENCE,
    der(0xa0, hex('020102')),
    der(Tag.INTEGER, serial),
    ALGORITHM,
    issuer,
    der(Tag.SEQUENCE, der(Tag.UTC_TIME, Buffer.from('260102030405Z')), der(Tag.GENERALIZED_TIME, Buffer.from('20500102030405Z'))),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    ...(all.length === 0 ? [] : [der(0xa3, der(Tag.SEQUENCE, ...all))]),
  );
  return der(Tag.SEQUENCE, content, ALGORITHM, der(Tag.BIT_STRING, hex('00'), sign('sha256', content, privateKey)));
}

export function extensionOf(oid: Buffer, value: Buffer): Buffer {
  return der(Tag.SEQUENCE, oid, der(Tag.OCTET_STRING, value));
}
