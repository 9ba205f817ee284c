import { createHash, createPrivateKey, type KeyObject, type X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { errorText } from '../errors.js';
import type { Revocation } from '../x509/index.js';
import { type KeyKind, suiteFaults, type TlsVersion } from './cipher-suites.js';
import type { Segment } from './problem.js';
import { AS_PEM, type FileContents, placeIn, TlsContents, type TlsRemark, TlsRemarks } from './tls-contents.js';
import { judgeTrust, type NewestList, type Trust, type TrustSettings } from './trust-judge.js';

/** Files of a certificate and of those who vouch for the certificates of clients; paths are absolute. */
export interface PairSettings extends TrustSettings {
  readonly cert: readonly string[];
  readonly key: readonly string[];
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

/** Certificate, key and settings of handshakes, and what is known of revoked certificates. */
export interface JudgedPair {
  readonly context: SecureContextOptions;
  /** Null without revocation lists. */
  readonly revocation: Revocation | null;
  readonly trust: Trust;
  readonly keys: readonly KeyObject[];
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
  /** Null when there are problems in a first reading. */
  readonly material: JudgedMaterial | null;
  readonly problems: readonly TlsRemark[];
  readonly warnings: readonly TlsRemark[];
}

/** What is in force while files are read again: it stays where something new cannot be used. */
export interface InForce {
  readonly material: JudgedMaterial;
  readonly newest: NewestList;
}

/** A certificate with its key, as `node:tls` takes them: what a pair has beside whom it trusts. */
interface Shown {
  readonly context: Pick<SecureContextOptions, 'cert' | 'key'>;
  readonly keys: readonly KeyObject[];
}

const PRIVATE_KEY = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/;

/**
 * Judges certificates, keys and settings. What comes through here makes a listener that can do handshakes. A first reading is sound as a whole or
 * not at all. Later, each certificate with its key is judged for itself, and so is each set of authorities with its lists (`judgeTrust`).
 */
export class TlsJudge {
  readonly #settings: TlsSettings;
  readonly #contents: TlsContents;
  readonly #passphrase: string | null;
  readonly #now: number;
  readonly #held: InForce | null;
  readonly #remarks = new TlsRemarks();

  constructor(settings: TlsSettings, contents: FileContents, passphrase: string | null, now: number, held: InForce | null = null) {
    this.#settings = settings;
    this.#contents = new TlsContents(contents, now, this.#remarks);
    this.#passphrase = passphrase;
    this.#now = now;
    this.#held = held;
  }

  judge(): Judgement {
    const keys: (KeyObject | null)[] = [];
    const own = this.#settings;
    const trusts = new Map([['', this.#trust(own, [], '')]]);
    const shown = new Map([['', this.#shown(own, [], this.#heldPair(''), keys)]]);
    for (const [name, settings] of own.names) {
      const base = ['names', name];
      // A certificate that the listener's lists revoke would be let in by whoever asks for this name.
      if (settings.crl.length === 0 && own.crl.length > 0) {
        const hint = 'give it a "crl", or a listener of its own without any';
        this.#remarks.problem(base, `for "${name}" there is no revocation list: "crl" of the listener is not about a "ca" of its own`, hint);
      }
      const inherited = settings.ca === own.ca && settings.crl === own.crl;
      trusts.set(name, inherited ? (trusts.get('') as Trust) : this.#trust(settings, base, name));
      shown.set(name, this.#shown(settings, base, this.#heldPair(name), keys));
    }
    const before = this.#remarks.faults;
    this.#judgeSettings(keys);
    const fits = this.#remarks.faults === before;
    const { problems, warnings } = this.#remarks;
    if (this.#held === null && problems.length > 0) return { material: null, problems, warnings };
    const judged = new Map<string, JudgedPair>();
    for (const [name, trust] of trusts) {
      const held = this.#heldPair(name);
      // Settings that do not go with a new key leave all the old ones.
      const pair = this.#pair(name, fits || held === null ? (shown.get(name) as Shown) : held, trust, held);
      if (pair !== null) judged.set(name, pair);
    }
    const material = judged.size === trusts.size ? this.#material(judged) : null;
    return { material, problems, warnings };
  }

  #heldPair(name: string): JudgedPair | null {
    const material = this.#held?.material ?? null;
    return (name === '' ? material : material?.names.get(name)) ?? null;
  }

  #trust(settings: PairSettings, base: readonly Segment[], serverName: string): Trust {
    const trust = this.#heldPair(serverName)?.trust;
    const held = trust === undefined || this.#held === null ? null : { trust, newest: this.#held.newest, serverName };
    return judgeTrust(settings, this.#contents, this.#now, this.#remarks, base, held);
  }

  /** Judges one certificate with its key. The key is put behind those that were read before. */
  #shown(settings: PairSettings, base: readonly Segment[], held: JudgedPair | null, keys: (KeyObject | null)[]): Shown {
    const { cert, key } = settings;
    const before = this.#remarks.faults;
    const leaves = cert.map((path, index) => this.#contents.chain(path, [...base, ...placeIn('cert', cert, index)])[0] ?? null);
    const own = key.map((path, index) => this.#key(path, [...base, ...placeIn('key', key, index)]));
    this.#judgePairs(settings, leaves, own, base);
    if (held !== null && this.#remarks.faults > before) {
      keys.push(...held.keys);
      return held;
    }
    keys.push(...own);
    const passphrase = this.#passphrase;
    const context = {
      cert: cert.map((path) => this.#contents.text(path)),
      key: key.map((path) => ({ pem: this.#contents.text(path), ...(passphrase === null ? {} : { passphrase }) })),
    };
    return { context, keys: own.filter((key) => key !== null) };
  }

  /**
   * Puts together what is shown and who is trusted. What OpenSSL does not take of it leaves what it took before: the certificate, or, if it is not
   * that, all that it is given; the lists then hold without it, since each certificate is looked up in them behind the handshake.
   */
  #pair(name: string, shown: Shown, trust: Trust, held: JudgedPair | null): JudgedPair | null {
    const { revocation } = trust;
    const context = this.#context(shown, trust);
    const fault = contextFault(context);
    if (fault === null) return { context, revocation, trust, keys: shown.keys };
    this.#remarks.problem(name === '' ? [] : ['names', name], `these certificates and settings cannot be used: ${fault}`);
    if (held === null) return null;
    const older = this.#context(held, trust);
    return { context: contextFault(older) === null ? older : held.context, revocation, trust, keys: held.keys };
  }

  #key(path: string, at: readonly Segment[]): KeyObject | null {
    const bytes = this.#contents.bytes(path, at);
    if (bytes === null) return null;
    if (!PRIVATE_KEY.test(bytes.toString('latin1'))) {
      this.#remarks.problem(at, `${path} holds no private key`, AS_PEM);
      return null;
    }
    try {
      return createPrivateKey({ key: bytes, format: 'pem', ...(this.#passphrase === null ? {} : { passphrase: this.#passphrase }) });
    } catch (error) {
      const encrypted = bytes.includes('ENCRYPTED');
      if (!encrypted) this.#remarks.problem(at, `${path}: the private key cannot be read`, 'the file is damaged, or half written');
      else if (this.#passphrase === null)
        this.#remarks.problem(at, `${path} is encrypted`, 'give its "passphrase", as {"$env": "NAME"} or {"$file": "path"}');
      else this.#remarks.problem(at, `${path} cannot be decrypted with the passphrase (${codeOf(error)})`, 'another passphrase, or a damaged file');
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
      this.#remarks.problem(
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
        this.#remarks.problem(at, `${path} is not the key of the certificate in ${cert[index]}`, hint);
      } else if (keyKind(own) === null)
        this.#remarks.problem(at, `${path}: keys of this kind (${kind}) are not served`, 'use an ECDSA or an RSA key');
      else if (kinds.has(kind)) {
        this.#remarks.problem(
          at,
          `${path} is of the same kind (${kind}) as another, and only one of each can be served`,
          'one ECDSA and one RSA pair',
        );
      }
      kinds.add(kind);
    }
  }

  #judgeSettings(keys: readonly (KeyObject | null)[]): void {
    const { ca, names, unknownName, clientCertificate, minVersion, maxVersion, ciphers } = this.#settings;
    if (clientCertificate !== 'none' && ca === null) {
      this.#remarks.problem(
        ['clientCertificate'],
        `"${clientCertificate}" needs "ca"`,
        'the certificate of the authority that issues those of clients',
      );
    }
    if (clientCertificate === 'none' && ca !== null) {
      const hint = 'set it to "optional" or "required"; intermediate certificates of the broker belong into the file of "cert"';
      this.#remarks.problem(['ca'], '"ca" has no use while "clientCertificate" is "none"', hint);
    }
    for (const [name, pair] of names) {
      if (clientCertificate !== 'none' || pair.ca === null || pair.ca === ca) continue;
      this.#remarks.problem(['names', name, 'ca'], '"ca" has no use while "clientCertificate" is "none"', 'set it to "optional" or "required"');
    }
    if (unknownName === 'refuse' && names.size === 0) {
      this.#remarks.problem(['unknownName'], '"refuse" without "names" would refuse everybody', 'name the server names that clients may ask for');
    }
    if (minVersion > maxVersion) this.#remarks.problem(['minVersion'], 'is above "maxVersion"', null);
    const kinds = keys.flatMap((key) => (key === null ? [] : (keyKind(key) ?? [])));
    const versions = (['TLSv1.2', 'TLSv1.3'] as const).filter((version) => version >= minVersion && version <= maxVersion);
    for (const { index, message, hint } of suiteFaults(ciphers ?? [], ciphers === null ? [] : versions, new Set(kinds))) {
      this.#remarks.problem(index === null ? ['ciphers'] : ['ciphers', index], message, hint);
    }
    const paths = [this.#settings, ...names.values()].flatMap(({ key }) => key);
    const encrypted = paths.some((path) => this.#contents.text(path).includes('ENCRYPTED'));
    if (this.#passphrase !== null && !encrypted && keys.every((key) => key !== null)) {
      this.#remarks.warning(['passphrase'], 'no key is encrypted: the passphrase has no use', 'remove it, or encrypt the key');
    }
  }

  #context({ context: { cert, key } }: Shown, { ca, crl }: Trust): SecureContextOptions {
    const { minVersion, maxVersion, ciphers } = this.#settings;
    return {
      cert,
      key,
      minVersion,
      maxVersion,
      ...(ca === null ? {} : { ca: [ca] }),
      ...(crl.length === 0 ? {} : { crl: [...crl] }),
      ...(ciphers === null ? {} : { ciphers: ciphers.join(':') }),
    };
  }

  #material(judged: ReadonlyMap<string, JudgedPair>): JudgedMaterial {
    const { clientCertificate, unknownName, nameMatters } = this.#settings;
    const names = new Map(judged);
    const own = names.get('') as JudgedPair;
    names.delete('');
    const resumes = names.size === 0 && !nameMatters;
    const warnings = this.#remarks.warnings.map(({ message, hint }) => (hint === null ? message : `${message}; ${hint}`));
    const trusts = [...new Set([...judged.values()].map(({ trust }) => trust))];
    const digest = createHash('sha256')
      .update(JSON.stringify([clientCertificate, unknownName, resumes, [...judged].map(([name, { context }]) => [name, context])]))
      // Beside what OpenSSL is given: it may be an older list, and knows nothing of files that are gone.
      .update(JSON.stringify(trusts.map(({ ca, crl, gone }) => [ca, crl, gone])))
      .digest('hex');
    return { ...own, clientCertificate, names, unknownName, resumes, digest, warnings };
  }
}

function contextFault(context: SecureContextOptions): string | null {
  try {
    createSecureContext(context);
    return null;
  } catch (error) {
    return errorText(error);
  }
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

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
