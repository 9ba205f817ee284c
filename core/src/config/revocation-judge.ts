import type { X509Certificate } from 'node:crypto';
import {
  type AuthorityId,
  authorityId,
  DerError,
  isSignedBy,
  isValid,
  Revocation,
  type RevocationList,
  readCertificate,
  readRevocationList,
} from '../x509/index.js';
import type { Segment } from './problem.js';

const LIST = /-----BEGIN X509 CRL-----([^-]+)-----END X509 CRL-----/g;
const DER_SEQUENCE = 0x30;

/** Takes what is wrong, or odd, with one file. */
export type Remark = (at: readonly Segment[], message: string, hint: string | null) => void;

interface Issuer extends AuthorityId {
  readonly certificate: X509Certificate;
}

/** Judges the revocation lists of one trust. What comes through here can be asked about certificates. */
export class RevocationJudge {
  readonly #issuers: readonly Issuer[];
  readonly #now: number;
  readonly #problem: Remark;
  readonly #warning: Remark;
  readonly #lists: { readonly file: string; readonly list: RevocationList }[] = [];

  private constructor(issuers: readonly Issuer[], now: number, problem: Remark, warning: Remark) {
    this.#now = now;
    this.#problem = problem;
    this.#warning = warning;
    this.#issuers = issuers;
  }

  /** Null when one of these authorities has a certificate that cannot be read. */
  static of(authorities: readonly X509Certificate[], now: number, problem: Remark, warning: Remark): RevocationJudge | null {
    try {
      const issuers = authorities.map((certificate) => ({ ...authorityId(readCertificate(certificate.raw)), certificate }));
      return new RevocationJudge(issuers, now, problem, warning);
    } catch (error) {
      if (error instanceof DerError) return null;
      throw error;
    }
  }

  /** Judges the lists of one file. */
  add(file: string, bytes: Buffer, at: readonly Segment[]): void {
    const ders = derOf(bytes);
    if (ders.length === 0) this.#problem(at, `${file} holds no revocation list`, 'it must be PEM, with -----BEGIN X509 CRL----- lines, or DER');
    for (const [index, der] of ders.entries()) {
      const which = ders.length === 1 ? file : `${file}: list ${index + 1}`;
      try {
        const list = readRevocationList(der);
        this.#judge(list, which, at);
        this.#lists.push({ file, list });
      } catch (error) {
        if (!(error instanceof DerError)) throw error;
        this.#problem(at, `${which} cannot be read: ${error.message}`, 'it is damaged, half written, or not a complete list of one issuer');
      }
    }
  }

  /** What all of them say together. */
  finish(at: readonly Segment[]): Revocation {
    for (const { certificate, subject } of this.#issuers) {
      if (this.#lists.some(({ list }) => list.issuer === subject)) continue;
      const name = certificate.subject.split('\n').join(',');
      this.#warning(at, `there is no list of "${name}", so no certificate that it has issued is accepted`, 'add its list');
    }
    return new Revocation(this.#lists, this.#issuers);
  }

  /** The lists as OpenSSL takes them through Node: one PEM text each. */
  pems(): string[] {
    return this.#lists.map(({ list }) => {
      const lines = list.der.toString('base64').match(/.{1,64}/g) ?? [];
      return `-----BEGIN X509 CRL-----\n${lines.join('\n')}\n-----END X509 CRL-----\n`;
    });
  }

  #judge(list: RevocationList, which: string, at: readonly Segment[]): void {
    const { issuer, issuerName, thisUpdate, nextUpdate } = list;
    const issuers = this.#issuers.filter(({ subject }) => subject === issuer);
    if (issuers.length === 0) {
      this.#problem(at, `${which} was issued by "${issuerName}", who is not in "ca"`, 'put the certificate of its issuer into the file of "ca"');
    } else if (!issuers.some(({ certificate }) => isSignedBy(list, certificate.publicKey))) {
      this.#problem(at, `${which} was not signed by "${issuerName}" in "ca"`, 'it is damaged or forged, or the authority has got another key');
    }
    const refused = 'until there is a new one, no certificate of its issuer is accepted';
    if (nextUpdate === null) this.#warning(at, `${which} does not say when it gets too old`, 'a new one may never be missed');
    else if (!isValid({ thisUpdate: 0, nextUpdate }, this.#now)) this.#warning(at, `${which} expired on ${time(nextUpdate)}`, refused);
    if (thisUpdate > this.#now)
      this.#warning(at, `${which} is not valid before ${time(thisUpdate)}`, 'is the clock right? Until then its issuer counts for nothing');
  }
}

function derOf(bytes: Buffer): Buffer[] {
  if (bytes[0] === DER_SEQUENCE) return [bytes];
  return [...bytes.toString('latin1').matchAll(LIST)].map(([, body = '']) => Buffer.from(body, 'base64'));
}

function time(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}
