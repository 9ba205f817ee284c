import { constants, type KeyObject, verify } from 'node:crypto';
import { type Extension, readExtensions } from './certificate.js';
import { DerError, DerReader, inside, integerHex, objectIdentifier, Tag, timeOf } from './der.js';
import { nameKey, readName, rfc2253 } from './names.js';

/** A certificate revocation list, read and not verified. */
export interface RevocationList {
  readonly der: Buffer;
  /** Key of the issuer's name, and the name for people. */
  readonly issuer: string;
  readonly issuerName: string;
  /** Milliseconds since 1970; `nextUpdate` is null in a list that never gets too old. */
  readonly thisUpdate: number;
  readonly nextUpdate: number | null;
  /** Serial numbers of revoked certificates, as `CertificateParts` has them. */
  readonly serials: ReadonlySet<string>;
  /** Of which certificates of its issuer it is complete. */
  readonly covers: Covered;
  /** The distribution point that it is the list of, where it says one: there may be others of the same issuer, each about a part of its certificates. */
  readonly point: string | null;
  readonly signed: Signed;
}

/** Certificates that a list is about: all, those of authorities, or those of nobody who is one. */
export type Covered = 'all' | 'authorities' | 'ends';

/** What a certificate is to a list: that of an authority, or of somebody else. */
export type CertificateKind = Exclude<Covered, 'all'>;
export const CERTIFICATE_KINDS: readonly CertificateKind[] = ['ends', 'authorities'];

/** Whether a list is about certificates of this kind. */
export function isAboutKind({ covers }: { readonly covers: Covered }, kind: CertificateKind): boolean {
  return covers === 'all' || covers === kind;
}

type Scope = Pick<RevocationList, 'covers' | 'point'>;

interface Signed {
  readonly content: Buffer;
  readonly algorithm: Algorithm;
  readonly signature: Buffer;
}

interface Algorithm {
  readonly id: string;
  /** Identifier of the hash that RSASSA-PSS takes, or null. */
  readonly pssHash: string | null;
}

const DELTA = '2.5.29.27';
const DISTRIBUTION_POINT = '2.5.29.28';
const RSASSA_PSS = '1.2.840.113549.1.1.10';
const TIMES: ReadonlySet<number> = new Set([Tag.UTC_TIME, Tag.GENERALIZED_TIME]);
const HASHES: Readonly<Record<string, string>> = {
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
};
const PSS_HASHES: Readonly<Record<string, string>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};
/** Ed25519 and Ed448 hash by themselves. */
const PURE: ReadonlySet<string> = new Set(['1.3.101.112', '1.3.101.113']);

/** Reads a revocation list; throws a `DerError` when it is none, or one that says what is not understood here. RFC 5280 section 5.1. */
export function readRevocationList(der: Buffer): RevocationList {
  const outer = inside(der, Tag.SEQUENCE);
  const { content, whole } = outer.read(Tag.SEQUENCE);
  const algorithm = readAlgorithm(outer.read(Tag.SEQUENCE).content);
  const bits = outer.read(Tag.BIT_STRING).content;
  outer.end();
  if (bits[0] !== 0) throw new DerError('a signature that is not of whole bytes');
  const fields = new DerReader(content);
  fields.optional(Tag.INTEGER);
  if (readAlgorithm(fields.read(Tag.SEQUENCE).content).id !== algorithm.id) throw new DerError('two signature algorithms');
  const name = fields.read(Tag.SEQUENCE).whole;
  const issuerName = readName(name);
  const thisUpdate = timeOf(fields.any());
  const next = fields.optional(Tag.UTC_TIME) ?? fields.optional(Tag.GENERALIZED_TIME);
  const serials = readSerials(fields.optional(Tag.SEQUENCE)?.content ?? null);
  const extensions = fields.optional(0xa0);
  fields.end();
  let scope: Scope = { covers: 'all', point: null };
  for (const extension of extensions === null ? [] : readExtensions(extensions.content)) {
    if (extension.id === DISTRIBUTION_POINT) scope = readScope(extension.value);
    else requireUnderstood(extension);
  }
  return {
    der,
    issuer: nameKey(issuerName),
    issuerName: rfc2253(issuerName) ?? name.toString('hex'),
    thisUpdate,
    nextUpdate: next === null ? null : timeOf(next),
    serials,
    ...scope,
    signed: { content: whole, algorithm, signature: bits.subarray(1) },
  };
}

/** Whether a list was signed by the owner of this key. */
export function isSignedBy({ signed: { content, algorithm, signature } }: RevocationList, key: KeyObject): boolean {
  try {
    if (PURE.has(algorithm.id)) return verify(null, content, key, signature);
    if (algorithm.pssHash !== null) {
      const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO };
      return verify(algorithm.pssHash, content, { key, ...padding }, signature);
    }
    const hash = HASHES[algorithm.id];
    return hash !== undefined && verify(hash, content, key, signature);
  } catch {
    // A key of another kind than the signature.
    return false;
  }
}

function readAlgorithm(bytes: Buffer): Algorithm {
  const reader = new DerReader(bytes);
  const id = objectIdentifier(reader.read(Tag.OBJECT_IDENTIFIER).content);
  if (id !== RSASSA_PSS) {
    if (HASHES[id] === undefined && !PURE.has(id)) throw new DerError(`signature algorithm ${id} is not supported`);
    return { id, pssHash: null };
  }
  const hash = new DerReader(reader.read(Tag.SEQUENCE).content).optional(0xa0);
  const hashId = hash === null ? '' : objectIdentifier(inside(hash.content, Tag.SEQUENCE).read(Tag.OBJECT_IDENTIFIER).content);
  const pssHash = PSS_HASHES[hashId];
  if (pssHash === undefined) throw new DerError('a hash of RSASSA-PSS that is not supported');
  return { id, pssHash };
}

function readSerials(bytes: Buffer | null): ReadonlySet<string> {
  const serials = new Set<string>();
  if (bytes === null) return serials;
  const entries = new DerReader(bytes);
  while (!entries.done) {
    const entry = new DerReader(entries.read(Tag.SEQUENCE).content);
    serials.add(integerHex(entry.read(Tag.INTEGER).content));
    // When it was revoked makes no difference. Reading hundreds of thousands of times would be most of the work.
    if (!TIMES.has(entry.any().tag)) throw new DerError('an entry without a time');
    const extensions = entry.optional(Tag.SEQUENCE);
    entry.end();
    // Such as the issuer of the certificate, where the list is about those of others.
    if (extensions !== null && readExtensions(extensions.whole).some(({ critical }) => critical)) {
      throw new DerError('an entry with a critical extension that is not understood');
    }
  }
  return serials;
}

function requireUnderstood({ id, critical }: Extension): void {
  if (id === DELTA) throw new DerError('it is a delta list; a complete one is needed');
  if (critical) throw new DerError(`critical extension ${id} is not understood`);
}

/** What the issuing distribution point says of the certificates that a list is about. RFC 5280 section 5.2.5. */
function readScope(value: Buffer): Scope {
  const fields = inside(value, Tag.SEQUENCE);
  let covers: Covered = 'all';
  let point: string | null = null;
  while (!fields.done) {
    const { tag, content } = fields.any();
    if (tag === 0xa0) point = content.toString('hex');
    if (tag === 0x81 || tag === 0x82) {
      if (covers !== 'all') throw new DerError('it is about no certificates at all');
      covers = tag === 0x81 ? 'ends' : 'authorities';
    }
    if (tag === 0x83) throw new DerError('it is about some reasons only; a complete one is needed');
    if (tag === 0x84) throw new DerError('it is about the certificates of other issuers');
    if (tag === 0x85) throw new DerError('it is about attribute certificates only');
  }
  return { covers, point };
}
