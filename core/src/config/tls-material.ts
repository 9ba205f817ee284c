import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { errorText } from '../errors.js';
import type { Revocation } from '../x509/index.js';
import { type KeyKind, suiteFaults, type TlsVersion } from './cipher-suites.js';
import type { Segment } from './problem.js';
import { RevocationJudge } from './revocation-judge.js';

/** Files of a certificate and of those who vouch for the certificates of clients; paths are absolute. */
export interface PairSettings {
  readonly cert: readonly string[];
  readonly key: readonly string[];
  readonly ca: string | null;
  /** Revocation lists. */
  readonly crl: readonly string[];
}

/** The `tls` object of a listener, complete with defaults. */
export interface TlsSettings extends PairSettings {
  /** What clients meet that ask for one of these server names; `*.` stands for one label. */
  readonly names: ReadonlyMap<string, PairSettings>;
  readonly unknownName: 'default' | 'refuse';
  /** Whether the server name makes a difference elsewhere, too: tenants are known by it. */
  readonly nameMatters: boolean;
  readonly clientCertificate: 'none' | 'optional' | 'required';
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  readonly ciphers: readonly string[] | null;
}

/** What the files held: bytes, or what is wrong with the file. */
export type FileContents = ReadonlyMap<string, Buffer | { readonly message: string; readonly hint: string | null }>;

/** Something about the `tls` object; `at` leads to its place from there. */
export interface TlsRemark {
  readonly at: readonly Segment[];
  readonly message: string;
  readonly hint: string | null;
}

/** Certificate, key and settings of handshakes, and what is known of revoked certificates. */
export interface JudgedPair {
  readonly context: SecureContextOptions;
  /** Null without revocation lists. */
  readonly revocation: Revocation | null;
}

/** What handshakes need, judged. */
export interface JudgedMaterial extends JudgedPair {
  readonly clientCertificate: TlsSettings['clientCertificate'];
  readonly names: ReadonlyMap<string, JudgedPair>;
  readonly unknownName: TlsSettings['unknownName'];
  readonly resumes: boolean;
  readonly digest: string;
  readonly warnings: readonly string[];
}

export interface Judgement {
  /** Null when there are problems. */
  readonly material: JudgedMaterial | null;
  readonly problems: readonly TlsRemark[];
  readonly warnings: readonly TlsRemark[];
}

/** Revocation lists, for OpenSSL and for questions. */
interface Trust {
  readonly crl: readonly string[];
  readonly revocation: Revocation | null;
}

const CERTIFICATE = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]+-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;
const PRIVATE_KEY = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/;
const AS_PEM = 'it must be PEM: text with -----BEGIN … lines';

/** Judges certificates, keys and settings as a whole. What comes through here makes a listener that can do handshakes. */
export class TlsJudge {
  readonly #settings: TlsSettings;
  readonly #contents: FileContents;
  readonly #passphrase: string | null;
  readonly #now: number;
  readonly #problems: TlsRemark[] = [];
  readonly #warnings: TlsRemark[] = [];

  constructor(settings: TlsSettings, contents: FileContents, passphrase: string | null, now: number) {
    this.#settings = settings;
    this.#contents = contents;
    this.#passphrase = passphrase;
    this.#now = now;
  }

  judge(): Judgement {
    const keys: (KeyObject | null)[] = [];
    const trust = this.#trust(this.#settings, []);
    const own = this.#pair(this.#settings, trust, [], keys);
    const names = new Map<string, JudgedPair>();
    for (const [name, settings] of this.#settings.names) {
      const base = ['names', name];
      const { ca, crl } = this.#settings;
      const inherited = settings.ca === ca && settings.crl === crl;
      if (settings.ca !== ca && settings.crl.length === 0 && crl.length > 0) {
        this.#warnings.push({ at: base, message: `for "${name}" there is no revocation list: "crl" is about another "ca"`, hint: 'give it a "crl"' });
      }
      names.set(name, this.#pair(settings, inherited ? trust : this.#trust(settings, base), base, keys));
    }
    this.#judgeSettings(keys);
    const material = this.#problems.length === 0 ? this.#material(own, names) : null;
    return { material, problems: this.#problems, warnings: this.#warnings };
  }

  /** Judges one certificate with its key. The key is put behind those that were read before. */
  #pair(settings: PairSettings, { crl, revocation }: Trust, base: readonly Segment[], keys: (KeyObject | null)[]): JudgedPair {
    const { cert, key } = settings;
    const leaves = cert.map((path, index) => this.#chain(path, [...base, ...placeIn('cert', cert, index)])[0] ?? null);
    const own = key.map((path, index) => this.#key(path, [...base, ...placeIn('key', key, index)]));
    keys.push(...own);
    this.#judgePairs(settings, leaves, own, base);
    return { context: this.#context(settings, crl), revocation };
  }

  /** Judges those who vouch for the certificates of clients, and their revocation lists. */
  #trust(settings: PairSettings, base: readonly Segment[]): Trust {
    const authorities = settings.ca === null ? [] : this.#chain(settings.ca, [...base, 'ca']);
    const lists = this.#lists(settings, authorities, base);
    return { crl: lists?.pems() ?? [], revocation: lists?.finish([...base, 'crl']) ?? null };
  }

  #lists({ ca, crl }: PairSettings, authorities: readonly X509Certificate[], base: readonly Segment[]): RevocationJudge | null {
    if (crl.length === 0) return null;
    if (ca === null) {
      this.#problem([...base, 'crl'], '"crl" needs "ca"', 'the certificates of the authorities whose lists these are');
      return null;
    }
    // What is wrong with the authorities has been said; without them, nothing can be said of their lists.
    if (authorities.length === 0) return null;
    const remark = (list: TlsRemark[]) => (at: readonly Segment[], message: string, hint: string | null) => void list.push({ at, message, hint });
    const judge = RevocationJudge.of(authorities, this.#now, remark(this.#problems), remark(this.#warnings));
    if (judge === null) {
      this.#problem([...base, 'ca'], 'a certificate of it is no sound DER: its name cannot be compared with that of a list');
      return null;
    }
    for (const [index, path] of crl.entries()) {
      const at = [...base, ...placeIn('crl', crl, index)];
      const bytes = this.#bytes(path, at);
      if (bytes !== null) judge.add(path, bytes, at);
    }
    return judge;
  }

  #problem(at: readonly Segment[], message: string, hint: string | null = null): void {
    this.#problems.push({ at, message, hint });
  }

  #bytes(path: string, at: readonly Segment[]): Buffer | null {
    const content = this.#contents.get(path);
    if (Buffer.isBuffer(content)) return content;
    this.#problem(at, content?.message ?? `${path} was not read`, content?.hint ?? null);
    return null;
  }

  /** The certificates of a file, in its order; empty when they cannot be used. */
  #chain(path: string, at: readonly Segment[]): X509Certificate[] {
    const bytes = this.#bytes(path, at);
    if (bytes === null) return [];
    const blocks = bytes.toString('latin1').match(CERTIFICATE) ?? [];
    if (blocks.length === 0) this.#problem(at, `${path} holds no certificate`, AS_PEM);
    const chain: X509Certificate[] = [];
    for (const [index, block] of blocks.entries()) {
      try {
        const certificate = new X509Certificate(block);
        chain.push(certificate);
        this.#judgeTime(certificate, index, path, at);
      } catch {
        this.#problem(at, `${path}: certificate ${index + 1} cannot be read`, 'the file is damaged, or half written');
        return [];
      }
    }
    return chain;
  }

  #judgeTime(certificate: X509Certificate, index: number, path: string, at: readonly Segment[]): void {
    const which = `${path}: certificate ${index + 1}`;
    const from = Date.parse(certificate.validFrom);
    const to = Date.parse(certificate.validTo);
    if (to < this.#now) this.#warnings.push({ at, message: `${which} expired on ${day(to)}`, hint: 'clients that check it will not connect' });
    else if (from > this.#now) this.#warnings.push({ at, message: `${which} is not valid before ${day(from)}`, hint: 'is the clock right?' });
  }

  #key(path: string, at: readonly Segment[]): KeyObject | null {
    const bytes = this.#bytes(path, at);
    if (bytes === null) return null;
    if (!PRIVATE_KEY.test(bytes.toString('latin1'))) {
      this.#problem(at, `${path} holds no private key`, AS_PEM);
      return null;
    }
    try {
      return createPrivateKey({ key: bytes, format: 'pem', ...(this.#passphrase === null ? {} : { passphrase: this.#passphrase }) });
    } catch (error) {
      const encrypted = bytes.includes('ENCRYPTED');
      if (!encrypted) this.#problem(at, `${path}: the private key cannot be read`, 'the file is damaged, or half written');
      else if (this.#passphrase === null)
        this.#problem(at, `${path} is encrypted`, 'give its "passphrase", as {"$env": "NAME"} or {"$file": "path"}');
      else this.#problem(at, `${path} cannot be decrypted with the passphrase (${codeOf(error)})`, 'another passphrase, or a damaged file');
      return null;
    }
  }

  #judgePairs(
    { cert, key }: PairSettings,
    leaves: readonly (X509Certificate | null)[],
    keys: readonly (KeyObject | null)[],
    base: readonly Segment[],
  ): void {
    if (cert.length !== key.length) {
      this.#problem(
        [...base, 'key'],
        `there must be as many keys as certificates, and there are ${key.length} and ${cert.length}`,
        'in the same order',
      );
      return;
    }
    const kinds = new Set<string>();
    for (const [index, path] of key.entries()) {
      const leaf = leaves[index] ?? null;
      const own = keys[index] ?? null;
      if (leaf === null || own === null) continue;
      const at = [...base, ...placeIn('key', key, index)];
      const kind = own.asymmetricKeyType ?? '';
      if (!leaf.checkPrivateKey(own)) {
        const hint = "if the certificate's file holds several, the broker's own must come first";
        this.#problem(at, `${path} is not the key of the certificate in ${cert[index]}`, hint);
      } else if (keyKind(own) === null) this.#problem(at, `${path}: keys of this kind (${kind}) are not served`, 'use an ECDSA or an RSA key');
      else if (kinds.has(kind)) {
        this.#problem(at, `${path} is of the same kind (${kind}) as another, and only one of each can be served`, 'one ECDSA and one RSA pair');
      }
      kinds.add(kind);
    }
  }

  #judgeSettings(keys: readonly (KeyObject | null)[]): void {
    const { ca, names, unknownName, clientCertificate, minVersion, maxVersion, ciphers } = this.#settings;
    if (clientCertificate !== 'none' && ca === null) {
      this.#problem(['clientCertificate'], `"${clientCertificate}" needs "ca"`, 'the certificate of the authority that issues those of clients');
    }
    if (clientCertificate === 'none' && ca !== null) {
      const hint = 'set it to "optional" or "required"; intermediate certificates of the broker belong into the file of "cert"';
      this.#problem(['ca'], '"ca" has no use while "clientCertificate" is "none"', hint);
    }
    for (const [name, pair] of names) {
      if (clientCertificate !== 'none' || pair.ca === null || pair.ca === ca) continue;
      this.#problem(['names', name, 'ca'], '"ca" has no use while "clientCertificate" is "none"', 'set it to "optional" or "required"');
    }
    if (unknownName === 'refuse' && names.size === 0) {
      this.#problem(['unknownName'], '"refuse" without "names" would refuse everybody', 'name the server names that clients may ask for');
    }
    if (minVersion > maxVersion) this.#problem(['minVersion'], 'is above "maxVersion"', null);
    const kinds = keys.flatMap((key) => (key === null ? [] : (keyKind(key) ?? [])));
    const versions = (['TLSv1.2', 'TLSv1.3'] as const).filter((version) => version >= minVersion && version <= maxVersion);
    for (const { index, message, hint } of suiteFaults(ciphers ?? [], ciphers === null ? [] : versions, new Set(kinds))) {
      this.#problem(index === null ? ['ciphers'] : ['ciphers', index], message, hint);
    }
    const paths = [this.#settings, ...names.values()].flatMap(({ key }) => key);
    const encrypted = paths.some((path) => this.#text(path).includes('ENCRYPTED'));
    if (this.#passphrase !== null && !encrypted && keys.every((key) => key !== null)) {
      this.#warnings.push({ at: ['passphrase'], message: 'no key is encrypted: the passphrase has no use', hint: 'remove it, or encrypt the key' });
    }
  }

  #text(path: string): string {
    const content = this.#contents.get(path);
    return Buffer.isBuffer(content) ? content.toString('latin1') : '';
  }

  #context({ cert, key, ca }: PairSettings, crl: readonly string[]): SecureContextOptions {
    const { minVersion, maxVersion, ciphers } = this.#settings;
    const passphrase = this.#passphrase;
    return {
      cert: cert.map((path) => this.#text(path)),
      key: key.map((path) => ({ pem: this.#text(path), ...(passphrase === null ? {} : { passphrase }) })),
      minVersion,
      maxVersion,
      ...(ca === null ? {} : { ca: [this.#text(ca)] }),
      ...(crl.length === 0 ? {} : { crl: [...crl] }),
      ...(ciphers === null ? {} : { ciphers: ciphers.join(':') }),
    };
  }

  #material(own: JudgedPair, names: ReadonlyMap<string, JudgedPair>): JudgedMaterial | null {
    const { clientCertificate, unknownName, nameMatters } = this.#settings;
    const resumes = names.size === 0 && !nameMatters;
    for (const [name, { context }] of [['', own] as const, ...names]) {
      try {
        createSecureContext(context);
      } catch (error) {
        this.#problem(name === '' ? [] : ['names', name], `these certificates and settings cannot be used: ${errorText(error)}`);
        return null;
      }
    }
    const warnings = this.#warnings.map(({ message, hint }) => (hint === null ? message : `${message}; ${hint}`));
    const contexts = [...names].map(([name, { context }]) => [name, context]);
    const digest = createHash('sha256')
      .update(JSON.stringify([clientCertificate, unknownName, resumes, own.context, contexts]))
      .digest('hex');
    return { ...own, clientCertificate, names, unknownName, resumes, digest, warnings };
  }
}

/** The place of one of several files; a single one may stand without a list. */
function placeIn(name: string, list: readonly string[], index: number): readonly Segment[] {
  return list.length === 1 ? [name] : [name, index];
}

function keyKind(key: KeyObject): KeyKind | null {
  switch (key.asymmetricKeyType) {
    case 'ec':
    case 'ed25519':
    case 'ed448':
      return 'ecdsa';
    case 'rsa':
    case 'rsa-pss':
      return 'rsa';
    default:
      return null;
  }
}

function day(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
