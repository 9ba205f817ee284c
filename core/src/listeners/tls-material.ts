import type { SecureContextOptions } from 'node:tls';
import type { CertificateKind, Revocation } from '../x509/index.js';

/** What one server name stands for: the certificate that is shown, and who vouches for those of clients. */
export interface TlsPair {
  /** Certificates, keys, authorities, revocation lists, suites and versions, as `node:tls` takes them. */
  readonly context: SecureContextOptions;
  /** What the lists in `context` say; null without any. */
  readonly revocation: Revocation | null;
}

/** Certificates and settings for handshakes, read from their files and judged. The pair itself is for names that are not among `names`. */
export interface TlsMaterial extends TlsPair {
  readonly clientCertificate: 'none' | 'optional' | 'required';
  /** By server name, in lower case; `*.` stands for one label. */
  readonly names: ReadonlyMap<string, TlsPair>;
  /** Whether clients that ask for another name, or for none, get the pair itself. */
  readonly unknownName: 'default' | 'refuse';
  /**
   * Whether sessions are resumed. Not where the server name makes a difference: OpenSSL resumes a session by whatever name is asked for then, though
   * the certificate in it was verified by the authorities of another, takes no heed of the name in TLS 1.3, and does not tell it in 1.2.
   */
  readonly resumes: boolean;
  /** The same for two that are alike, without telling what they hold. */
  readonly digest: string;
  /** What is odd about them and no reason to refuse them. */
  readonly warnings: readonly string[];
}

/** Where a listener's certificates come from. Made by the configuration, which has judged the first of them already. */
export interface TlsSource {
  readonly material: TlsMaterial;
  /** Files that are worth a new reading when they change. */
  readonly files: readonly string[];
  /** Those among them that take rights away: they are looked at more often. */
  readonly lists: readonly string[];
  /** Reads the files again, one reading at a time. What cannot be used leaves what was in force in its place, and nothing else. */
  read(terms: TlsReadingTerms): Promise<TlsReading>;
}

/** What a reading asks. */
export interface TlsReadingTerms {
  /** Files that are being changed: what was read of them may be half of it, and is not used. */
  moving(): Promise<ReadonlySet<string>>;
  /** When the newest list of an issuer about one kind of certificate was made that was in force for a server name, '' for the listener's own; null for none. */
  newest(serverName: string, issuer: string, kind: CertificateKind): number | null;
}

/** What a reading has found. */
export interface TlsReading {
  /** What holds from now on. */
  readonly material: TlsMaterial;
  /** What cannot be used, and what holds in its place. */
  readonly problems: readonly string[];
  /** Files of revocation lists that are gone. */
  readonly gone: readonly string[];
}

/** The key of `names` that a server name goes by; null for one that is not among them. */
export function nameAmong(names: ReadonlyMap<string, unknown>, serverName: string): string | null {
  if (names.has(serverName)) return serverName;
  const dot = serverName.indexOf('.');
  const wild = `*${serverName.slice(dot)}`;
  return dot > 0 && names.has(wild) ? wild : null;
}

/** What holds for clients that asked for this server name; null when they are refused. */
export function pairFor(material: TlsMaterial, serverName: string): TlsPair | null {
  const name = nameAmong(material.names, serverName);
  if (name !== null) return material.names.get(name) ?? null;
  return material.unknownName === 'refuse' ? null : material;
}
