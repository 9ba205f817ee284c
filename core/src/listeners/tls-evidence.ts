import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { TlsEvidence } from '@portcullis/sdk';

/** Longest text of a certificate that plugins see, in characters. */
const MAX_TEXT = 1024;
const SERVER_NAME = /^(?=.{1,253}$)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;
/** Kinds of alternative names that identify something, and how the SDK writes them. */
const NAME_KINDS: ReadonlyMap<string, string> = new Map([
  ['DNS', 'DNS'],
  ['URI', 'URI'],
  ['email', 'email'],
  ['IP Address', 'IP'],
]);

/**
 * What a handshake that is over proves, for plugins. Null when the peer showed a certificate that was not verified: such a connection must be
 * closed, and what the certificate says is never looked at.
 */
export function evidenceOf(socket: TLSSocket): TlsEvidence | null {
  const certificate = socket.getPeerX509Certificate();
  if (certificate !== undefined && !socket.authorized) return null;
  return Object.freeze({
    protocol: socket.getProtocol() ?? '',
    serverName: serverNameOf(socket),
    certificate: certificate === undefined ? null : describe(certificate),
  });
}

function serverNameOf(socket: TLSSocket): string {
  // Node has `false` there for a client that named none.
  const { servername } = socket as { readonly servername?: string | false | null };
  const name = typeof servername === 'string' ? servername.toLowerCase() : '';
  return SERVER_NAME.test(name) ? name : '';
}

/** The fields of a verified certificate. */
export function describe(certificate: X509Certificate): TlsEvidence['certificate'] {
  // Where a field stands once this is text, where it stands several times a list: which of them would be the name?
  const { CN } = certificate.toLegacyObject().subject as { readonly CN?: unknown };
  return Object.freeze({
    commonName: typeof CN === 'string' && isPlain(CN) ? CN : null,
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    serialNumber: certificate.serialNumber,
    subjectAlternativeNames: Object.freeze(alternativeNames(certificate.subjectAltName)),
    fingerprint256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
  });
}

/** Node writes each field on a line of its own, with commas, plus signs and control characters in values escaped. */
function oneLine(name: string | undefined): string {
  return (name ?? '').split('\n').join(',');
}

/** The names in Node's one text: values that hold a comma or a quote are written as JSON, with the comma escaped. */
export function alternativeNames(text: string | undefined): string[] {
  const names: string[] = [];
  for (const entry of (text ?? '').split(', ')) {
    const colon = entry.indexOf(':');
    const kind = NAME_KINDS.get(entry.slice(0, colon));
    const value = kind === undefined ? null : unquoted(entry.slice(colon + 1));
    if (value !== null && isPlain(value)) names.push(`${kind}:${value}`);
  }
  return names;
}

function unquoted(value: string): string | null {
  if (!value.startsWith('"')) return value;
  try {
    const text: unknown = JSON.parse(value);
    return typeof text === 'string' ? text : null;
  } catch {
    return null;
  }
}

/** Whether a text can be compared and logged without a trap in it. What cannot is left out, and so identifies nobody. */
function isPlain(text: string): boolean {
  return text !== '' && text.length <= MAX_TEXT && !/[\p{Cc}\p{Cs}\ufffe\uffff\ufffd]/u.test(text);
}
