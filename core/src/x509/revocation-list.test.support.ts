import { constants, type KeyObject, type SigningOptions, sign } from 'node:crypto';
import { der, hex, nameOf, OID, privateKey, utf8 } from './certificate.test.support.js';
import { Tag } from './der.js';

const ECDSA = der(Tag.SEQUENCE, OID.ecdsaWithSha256);

export interface ListContents {
  readonly issuer?: Buffer;
  /** Serial numbers in hexadecimal. */
  readonly revoked?: readonly string[];
  /** As UTCTime has them; `nextUpdate` null leaves it out. */
  readonly thisUpdate?: string;
  readonly nextUpdate?: string | null;
  readonly extensions?: readonly Buffer[];
  /** Extensions of each entry. */
  readonly entryExtensions?: readonly Buffer[];
  readonly algorithm?: Buffer;
  /** In the part that is signed, where it is another. */
  readonly innerAlgorithm?: Buffer;
  readonly hash?: string | null;
  readonly key?: KeyObject;
  readonly options?: SigningOptions;
}

/** A revocation list with exactly this content. */
export function listOf(contents: ListContents = {}): Buffer {
  const { issuer = nameOf(utf8(OID.CN, 'authority')), revoked = [], thisUpdate = '260101000000Z', nextUpdate = '270101000000Z' } = contents;
  const {
    extensions = [],
    entryExtensions = [],
    algorithm = ECDSA,
    innerAlgorithm = algorithm,
    hash = 'sha256',
    key = privateKey,
    options = {},
  } = contents;
  const time = (text: string): Buffer => der(Tag.UTC_TIME, Buffer.from(text));
  const more = entryExtensions.length === 0 ? [] : [der(Tag.SEQUENCE, ...entryExtensions)];
  const entries = revoked.map((serial) => der(Tag.SEQUENCE, der(Tag.INTEGER, hex(serial)), time('260101000000Z'), ...more));
  const content = der(
    Tag.SEQUENCE,
    hex('020101'),
    innerAlgorithm,
    issuer,
    time(thisUpdate),
    ...(nextUpdate === null ? [] : [time(nextUpdate)]),
    ...(entries.length === 0 ? [] : [der(Tag.SEQUENCE, ...entries)]),
    ...(extensions.length === 0 ? [] : [der(0xa0, der(Tag.SEQUENCE, ...extensions))]),
  );
  return der(Tag.SEQUENCE, content, algorithm, der(Tag.BIT_STRING, hex('00'), sign(hash, content, { key, ...options })));
}

export const critical = (oid: Buffer, value: Buffer): Buffer => der(Tag.SEQUENCE, oid, hex('0101ff'), der(Tag.OCTET_STRING, value));

/** RSASSA-PSS with SHA-256 and a salt of 32 bytes. */
export const PSS = {
  algorithm: der(
    Tag.SEQUENCE,
    hex('0609 2a864886f70d01010a'),
    der(Tag.SEQUENCE, der(0xa0, der(Tag.SEQUENCE, hex('0609 608648016503040201 0500'))), der(0xa2, hex('020120'))),
  ),
  options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
} as const;
