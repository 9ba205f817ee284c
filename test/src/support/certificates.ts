import 'reflect-metadata';
import { createPrivateKey, webcrypto, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto);

const ALGORITHMS = {
  ecdsa: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  rsa: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: new Uint8Array([1, 0, 1]), modulusLength: 2048 },
  /** RSA with a key so short that OpenSSL does not serve it. */
  weak: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: new Uint8Array([1, 0, 1]), modulusLength: 512 },
} as const;
const DAY_MS = 86_400_000;
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

export type KeyKind = keyof typeof ALGORITHMS;

/** A certificate and its key, both as PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateFields {
  /** Fields of the subject in order; one may stand several times. */
  readonly subject?: readonly (readonly [name: string, value: string])[];
  /** Instead of `subject`: with types of text of their own, and several fields at one place. */
  readonly rawSubject?: x509.JsonNameParams;
  readonly names?: x509.JsonGeneralNames;
  readonly kind?: KeyKind;
  /** Days from now; the certificate is valid from a day before the earlier one. */
  readonly days?: number;
  readonly startsInDays?: number;
  readonly usage?: 'server' | 'client' | 'any';
}

export interface ListFields {
  /** Certificates that are revoked, as PEM. */
  readonly revoked?: readonly string[];
  /** Seconds from now. */
  readonly from?: number;
  readonly until?: number;
  /** Of which certificates it is complete; all unless told. */
  readonly about?: 'ends' | 'authorities';
  /** Who signs it; the authority that it is of unless told. */
  readonly by?: Authority;
}

/** An authority that issues certificates, made anew for a test. */
export class Authority {
  readonly #certificate: x509.X509Certificate;
  readonly #keys: webcrypto.CryptoKeyPair;

  private constructor(certificate: x509.X509Certificate, keys: webcrypto.CryptoKeyPair) {
    this.#certificate = certificate;
    this.#keys = keys;
  }

  static async create(name = 'Test authority'): Promise<Authority> {
    const keys = await generate('ecdsa');
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: serial(),
      name: [{ CN: [name] }],
      notBefore: new Date(Date.now() - DAY_MS),
      notAfter: new Date(Date.now() + DAY_MS),
      keys,
      signingAlgorithm: ALGORITHMS.ecdsa,
      extensions: AUTHORITY_EXTENSIONS,
    });
    return new Authority(certificate, keys);
  }

  /** An authority below this one. */
  async intermediate(name = 'Intermediate'): Promise<Authority> {
    const keys = await generate('ecdsa');
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serial(),
      subject: [{ CN: [name] }],
      issuer: this.#certificate.subject,
      notBefore: new Date(Date.now() - DAY_MS),
      notAfter: new Date(Date.now() + DAY_MS),
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: ALGORITHMS.ecdsa,
      extensions: AUTHORITY_EXTENSIONS,
    });
    return new Authority(certificate, keys);
  }

  /** Its list of revoked certificates, PEM. */
  async list({ revoked = [], from = -60, until = 3600, about, by = this }: ListFields = {}): Promise<string> {
    const list = await x509.X509CrlGenerator.create({
      issuer: this.#certificate.subject,
      thisUpdate: new Date(Date.now() + from * 1000),
      nextUpdate: new Date(Date.now() + until * 1000),
      entries: revoked.map((pem) => ({ serialNumber: new x509.X509Certificate(pem).serialNumber, revocationDate: new Date(Date.now() - 1000) })),
      ...(about === undefined ? {} : { extensions: [new x509.Extension('2.5.29.28', true, DISTRIBUTION_POINT[about])] }),
      signingKey: by.#keys.privateKey,
      signingAlgorithm: ALGORITHMS.ecdsa,
    });
    // By RFC 7468; the library writes a label of its own.
    return `${list.toString('pem').replaceAll(' CRL-', ' X509 CRL-')}\n`;
  }

  /** The authority's own certificate, PEM. */
  get pem(): string {
    return `${this.#certificate.toString('pem')}\n`;
  }

  /** A certificate that this authority issues. */
  async issue(fields: CertificateFields = {}): Promise<Pair> {
    const keys = await generate(fields.kind ?? 'ecdsa');
    const certificate = await x509.X509CertificateGenerator.create({
      ...content(fields),
      issuer: this.#certificate.subject,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: ALGORITHMS.ecdsa,
    });
    return pairOf(certificate, keys);
  }
}

/** A certificate that nobody vouches for but itself. */
export async function selfSigned(fields: CertificateFields = {}): Promise<Pair> {
  const kind = fields.kind ?? 'ecdsa';
  const keys = await generate(kind);
  const { subject, ...rest } = content(fields);
  return pairOf(await x509.X509CertificateGenerator.createSelfSigned({ ...rest, name: subject, keys, signingAlgorithm: ALGORITHMS[kind] }), keys);
}

/** The key, encrypted. */
export function encrypted(key: string, passphrase: string): string {
  return createPrivateKey(key).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase }).toString();
}

function content({ subject = [['CN', 'localhost']], rawSubject, names = LOCAL_NAMES, days = 1, startsInDays, usage = 'any' }: CertificateFields) {
  const usages = { server: [SERVER_AUTH], client: [CLIENT_AUTH], any: [SERVER_AUTH, CLIENT_AUTH] }[usage];
  return {
    serialNumber: serial(),
    // As text of one type: of a bare string the library takes `#` and backslashes for its own notation.
    subject: new x509.Name(rawSubject ?? subject.map(([name, value]) => ({ [name]: [{ utf8String: value }] }))),
    notBefore: new Date(Date.now() + (startsInDays ?? Math.min(days, 0) - 1) * DAY_MS),
    notAfter: new Date(Date.now() + days * DAY_MS),
    extensions: [
      new x509.BasicConstraintsExtension(false),
      new x509.ExtendedKeyUsageExtension(usages),
      ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
    ],
  };
}

const AUTHORITY_EXTENSIONS = [
  new x509.BasicConstraintsExtension(true, undefined, true),
  new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
];

/** What the issuing distribution point of a list says. */
const DISTRIBUTION_POINT = { ends: Buffer.from('30038101ff', 'hex'), authorities: Buffer.from('30038201ff', 'hex') } as const;

const LOCAL_NAMES: x509.JsonGeneralNames = [
  { type: 'dns', value: 'localhost' },
  { type: 'ip', value: '127.0.0.1' },
];

function serial(): string {
  return `01${Buffer.from(webcrypto.getRandomValues(new Uint8Array(8))).toString('hex')}`;
}

function generate(kind: KeyKind): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHMS[kind], true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>;
}

async function pairOf(certificate: x509.X509Certificate, keys: webcrypto.CryptoKeyPair): Promise<Pair> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  const key = `-----BEGIN PRIVATE KEY-----\n${(der.toString('base64').match(/.{1,64}/g) ?? []).join('\n')}\n-----END PRIVATE KEY-----\n`;
  return { cert: `${certificate.toString('pem')}\n`, key };
}

/** Serial number of a certificate as Node writes it. */
export function serialOf(pem: string): string {
  return new X509Certificate(pem).serialNumber;
}
