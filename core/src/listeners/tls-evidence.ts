import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { AlternativeNames, ClientCertificate, SubjectFields, TlsEvidence } from '@portcullis/sdk';
import {
  type AlternativeKind,
  attributeName,
  type CertificateId,
  type CertificateParts,
  certificateId,
  DerError,
  isPlain,
  readCertificate,
  rfc2253,
  textOf,
} from '../x509/index.js';

/** Longest distinguished name that plugins see, in characters. */
const MAX_NAME = 4096;
/** Most values of one field or kind. */
const MAX_VALUES = 64;
/** Most alternative names of all kinds together. */
const MAX_NAMES = 256;
const SERVER_NAME = /^(?=.{1,253}$)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;
const FIELDS: readonly (keyof SubjectFields)[] = ['CN', 'OU', 'O', 'C', 'ST', 'L', 'DC', 'UID', 'serialNumber', 'emailAddress'];
/** How the SDK writes kinds of alternative names in one list. */
const PREFIXES: Readonly<Record<AlternativeKind, string>> = { uri: 'URI', dns: 'DNS', email: 'email', ip: 'IP' };

/** What a handshake that is over proves. */
export interface Proof {
  /** For plugins. */
  readonly evidence: TlsEvidence;
  /** The client's certificate as revocation lists speak of it; null without one. */
  readonly id: CertificateId | null;
}

/**
 * Reads the certificate of a handshake that is over. Null when the peer showed a certificate that was not verified, or cannot be read: such a
 * connection must be closed, and what an unverified certificate says is never looked at.
 */
export function proofOf(socket: TLSSocket): Proof | null {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return { evidence: evidenceOf(socket, null), id: null };
  const parts = socket.authorized ? partsOf(certificate.raw) : null;
  return parts === null ? null : { evidence: evidenceOf(socket, describeParts(certificate, parts)), id: certificateId(parts) };
}

function evidenceOf(socket: TLSSocket, certificate: ClientCertificate | null): TlsEvidence {
  return Object.freeze({ protocol: socket.getProtocol() ?? '', serverName: serverNameOf(socket), certificate });
}

function serverNameOf(socket: TLSSocket): string {
  // Node has `false` there for a client that named none.
  const { servername } = socket as { readonly servername?: string | false | null };
  return typeof servername === 'string' ? plainServerName(servername) : '';
}

/** A server name in lower case; '' for what is none. */
export function plainServerName(servername: string): string {
  const name = servername.toLowerCase();
  return SERVER_NAME.test(name) ? name : '';
}

/** The fields of a verified certificate; null for one that OpenSSL takes and that is no DER: read in two ways, it could name two clients. */
export function describe(certificate: X509Certificate): ClientCertificate | null {
  const parts = partsOf(certificate.raw);
  return parts === null ? null : describeParts(certificate, parts);
}

function describeParts(certificate: X509Certificate, parts: CertificateParts): ClientCertificate {
  const fields = fieldsOf(parts);
  const distinguishedName = rfc2253(parts.subjectName) ?? '';
  return Object.freeze({
    commonName: fields.CN?.length === 1 ? (fields.CN[0] ?? null) : null,
    fields,
    names: namesOf(parts),
    subject: oneLine(certificate.subject),
    distinguishedName: distinguishedName.length > MAX_NAME ? '' : distinguishedName,
    issuer: oneLine(certificate.issuer),
    serialNumber: certificate.serialNumber,
    subjectAlternativeNames: oneList(parts),
    fingerprint256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    validFrom: parts.validFrom,
    validTo: parts.validTo,
  });
}

function partsOf(der: Buffer): CertificateParts | null {
  try {
    return readCertificate(der);
  } catch (error) {
    if (error instanceof DerError) return null;
    throw error;
  }
}

/** Node writes each field on a line of its own, with commas, plus signs and control characters in values escaped. */
function oneLine(name: string | undefined): string {
  const text = (name ?? '').split('\n').join(',');
  return text.length > MAX_NAME ? '' : text;
}

function fieldsOf({ subjectName }: CertificateParts): SubjectFields {
  const attributes = subjectName.flat();
  const valuesOf = (field: string) => shown(attributes.filter(({ type }) => attributeName(type) === field).map(({ value }) => textOf(value)));
  return Object.freeze(Object.fromEntries(FIELDS.map((field) => [field, valuesOf(field)])) as Record<keyof SubjectFields, readonly string[] | null>);
}

function namesOf({ alternativeNames }: CertificateParts): AlternativeNames {
  const of = (wanted: AlternativeKind) => shown(alternativeNames.filter(({ kind }) => kind === wanted).map(({ value }) => value));
  return Object.freeze({ uri: of('uri'), dns: of('dns'), email: of('email'), ip: of('ip') });
}

/** All values, or null: with one of several left out, the others would pass for the only ones, and an empty list would say that there is none. */
function shown(values: readonly (string | null)[]): readonly string[] | null {
  return values.length <= MAX_VALUES && values.every(isPlain) ? Object.freeze(values.filter(isPlain)) : null;
}

function oneList({ alternativeNames }: CertificateParts): readonly string[] {
  const names: string[] = [];
  for (const { kind, value } of alternativeNames) if (isPlain(value)) names.push(`${PREFIXES[kind]}:${value}`);
  return Object.freeze(names.length > MAX_NAMES ? [] : names);
}
