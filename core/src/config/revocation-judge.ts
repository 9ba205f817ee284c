import type { KeyObject, X509Certificate } from 'node:crypto';
import {
  type AuthorityId,
  authorityId,
  CERTIFICATE_KINDS,
  type CertificateKind,
  DerError,
  isAboutKind,
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
/** Most that is kept of one file from readings before, in bytes, and what a list counts beside its own: about a thousand short ones, or a few long ones. */
export const MAX_KEPT_BYTES = 16 * 1024 * 1024;
const LIST_OVERHEAD_BYTES = 16_384;
/** Most different lists in one file: OpenSSL and the judge take time for each, however short it is. */
export const MAX_LISTS = 1024;
/** So many lists of one file are said to be bad one by one; the others are counted. */
const MAX_NAMED = 3;

/** Takes what is wrong, or odd, with one file. */
export type Remark = (at: readonly Segment[], message: string, hint: string | null) => void;

/** When the newest list of an issuer about certificates of one kind was made; null for none. */
type Newest = (issuerName: string, kind: CertificateKind) => number | null;

/** A list, and the file that it came from. */
export interface KnownList {
  readonly file: string;
  readonly list: RevocationList;
}

interface Issuer extends AuthorityId {
  readonly certificate: X509Certificate;
  /** Null for one of a kind that nobody here knows: no list is signed by it. */
  readonly key: KeyObject | null;
}

/** Judges the revocation lists of one trust. What comes through here can be asked about certificates. */
export class RevocationJudge {
  readonly #issuers: readonly Issuer[];
  readonly #now: number;
  readonly #problem: Remark;
  readonly #warning: Remark;
  #lists: KnownList[] = [];

  private constructor(issuers: readonly Issuer[], now: number, problem: Remark, warning: Remark) {
    this.#now = now;
    this.#problem = problem;
    this.#warning = warning;
    this.#issuers = issuers;
  }

  /** Null when one of these authorities has a certificate that cannot be read. */
  static of(authorities: readonly X509Certificate[], now: number, problem: Remark, warning: Remark): RevocationJudge | null {
    const issuers = issuersOf(authorities);
    return issuers === null ? null : new RevocationJudge(issuers, now, problem, warning);
  }

  /** Whether the names of all these authorities can be compared with those of lists. */
  static canRead(authorities: readonly X509Certificate[]): boolean {
    return issuersOf(authorities) !== null;
  }

  get lists(): readonly KnownList[] {
    return this.#lists;
  }

  /** Judges the lists of one file, each for itself. Those that are known already are not taken apart again: that is most of the work. */
  add(file: string, bytes: Buffer, at: readonly Segment[], known: readonly KnownList[] = []): void {
    const ders = derOf(bytes);
    if (ders.length === 0) this.#problem(at, `${file} holds no revocation list`, 'it must be PEM, with -----BEGIN X509 CRL----- lines, or DER');
    if (ders.length > MAX_LISTS) {
      this.#problem(at, `${file} holds more than ${MAX_LISTS} revocation lists`, 'it needs the newest one of each authority, and no other');
      return;
    }
    let bad = 0;
    const note: Remark = (place, message, hint) => {
      bad += 1;
      if (bad <= MAX_NAMED) this.#problem(place, message, hint);
    };
    for (const [index, der] of ders.entries()) {
      const which = ders.length === 1 ? file : `${file}: list ${index + 1}`;
      try {
        const list = known.find((other) => other.list.der.equals(der))?.list ?? readRevocationList(der);
        if (this.#judge(list, which, at, note)) this.#lists.push({ file, list });
      } catch (error) {
        if (!(error instanceof DerError)) throw error;
        note(at, `${which} cannot be read: ${error.message}`, 'it is damaged, half written, or not a complete list of one issuer');
      }
    }
    if (bad > MAX_NAMED) this.#problem(at, `${file}: ${bad - MAX_NAMED} more of its ${ders.length} lists cannot be used`, null);
  }

  /**
   * Takes lists that were in force before, as far as they are by these authorities and say more than one that is here. Not the newest alone: an
   * authority may have several, each about a part of its certificates. False when there are too many of them to keep, in a file that has been bad
   * for long: the oldest are then dropped, and nobody may be let in by what is left.
   */
  keep(known: readonly KnownList[], maxBytes = Number.POSITIVE_INFINITY): boolean {
    const kept = known.filter(({ list }) => this.#isSigned(list) && !this.#lists.some((other) => saysAllOf(other.list, list)));
    kept.sort((one, other) => other.list.thisUpdate - one.list.thisUpdate);
    let bytes = 0;
    const fitting = kept.filter(({ list }) => {
      bytes += list.der.length + LIST_OVERHEAD_BYTES;
      return bytes <= maxBytes;
    });
    this.#lists.push(...fitting);
    return fitting.length === kept.length;
  }

  /**
   * Puts the lists that were in force in the place of those of an issuer that are older than what was in force already, though signed and not over:
   * they know less. Those about certificates of authorities and those about all others are compared among themselves. `newest`: when the newest one
   * was made. One that is not valid yet counts for nothing: a clock may be put right.
   */
  refuseOlder(newest: Newest, known: readonly KnownList[], at: readonly Segment[]): void {
    for (const issuer of new Set(this.#lists.map(({ list }) => list.issuer))) {
      for (const kind of CERTIFICATE_KINDS) this.#refuseOlder(issuer, kind, newest, known, at);
    }
  }

  #refuseOlder(issuer: string, kind: CertificateKind, newest: Newest, known: readonly KnownList[], at: readonly Segment[]): void {
    const isAbout = ({ list }: KnownList): boolean => list.issuer === issuer && isAboutKind(list, kind);
    const valid = this.#lists.filter((one) => isAbout(one) && one.list.thisUpdate <= this.#now);
    const last = valid.reduce<KnownList | null>((found, one) => (found === null || one.list.thisUpdate > found.list.thisUpdate ? one : found), null);
    const before = last === null ? null : newest(last.list.issuerName, kind);
    if (last === null || before === null || last.list.thisUpdate >= before) return;
    const dates = `is of ${time(last.list.thisUpdate)}, older than the one of ${time(before)} that was in force`;
    const hint = 'put the newer one back, or restart the broker to take the older one';
    this.#problem(at, `${last.file}: the list of "${last.list.issuerName}" ${dates}`, hint);
    this.#lists = this.#lists.filter((one) => !isAbout(one));
    this.keep(known.filter(({ list }) => list.issuer === issuer));
  }

  /** What all of them say together. `gone`: files that are no longer there. */
  finish(at: readonly Segment[], gone: ReadonlySet<string>): Revocation {
    for (const { certificate, subject } of this.#issuers) {
      if (this.#lists.some(({ list }) => list.issuer === subject)) continue;
      const name = certificate.subject.split('\n').join(',');
      this.#warning(at, `there is no list of "${name}", so no certificate that it has issued is accepted`, 'add its list');
    }
    return new Revocation(this.#lists, this.#issuers, gone);
  }

  /** The lists as OpenSSL takes them through Node: one PEM text each. */
  pems(): string[] {
    return this.#lists.map(({ list }) => {
      const lines = list.der.toString('base64').match(/.{1,64}/g) ?? [];
      return `-----BEGIN X509 CRL-----\n${lines.join('\n')}\n-----END X509 CRL-----\n`;
    });
  }

  /** Whether a list is by one of these authorities. */
  #judge(list: RevocationList, which: string, at: readonly Segment[], note: Remark): boolean {
    const { issuer, issuerName, thisUpdate, nextUpdate } = list;
    if (!this.#issuers.some(({ subject }) => subject === issuer)) {
      note(at, `${which} was issued by "${issuerName}", who is not in "ca"`, 'put the certificate of its issuer into the file of "ca"');
      return false;
    }
    if (!this.#isSigned(list)) {
      note(at, `${which} was not signed by "${issuerName}" in "ca"`, 'it is damaged or forged, or the authority has got another key');
      return false;
    }
    const refused = 'until there is a new one, no certificate of its issuer is accepted';
    if (nextUpdate === null) this.#warning(at, `${which} does not say when it gets too old`, 'a new one may never be missed');
    else if (!isValid({ thisUpdate: 0, nextUpdate }, this.#now)) this.#warning(at, `${which} expired on ${time(nextUpdate)}`, refused);
    if (thisUpdate > this.#now)
      this.#warning(at, `${which} is not valid before ${time(thisUpdate)}`, 'is the clock right? Until then its issuer counts for nothing');
    return true;
  }

  #isSigned(list: RevocationList): boolean {
    return this.#issuers.some(({ subject, key }) => subject === list.issuer && key !== null && isSignedBy(list, key));
  }
}

function issuersOf(authorities: readonly X509Certificate[]): Issuer[] | null {
  try {
    return authorities.map((certificate) => ({ ...authorityId(readCertificate(certificate.raw)), certificate, key: keyOf(certificate) }));
  } catch (error) {
    if (error instanceof DerError) return null;
    throw error;
  }
}

function keyOf(certificate: X509Certificate): KeyObject | null {
  try {
    return certificate.publicKey;
  } catch {
    // OpenSSL reads keys only when they are asked for.
    return null;
  }
}

/** Whether a list revokes all that another one does, lets in whom that does, and is not older. */
function saysAllOf(list: RevocationList, other: RevocationList): boolean {
  if (list.issuer !== other.issuer || list.covers !== other.covers || list.point !== other.point || list.thisUpdate < other.thisUpdate) return false;
  for (const serial of other.serials) if (!list.serials.has(serial)) return false;
  return true;
}

function derOf(bytes: Buffer): Buffer[] {
  if (bytes[0] === DER_SEQUENCE) return [bytes];
  // One that stands there often, since somebody appends to the file, is one.
  const bodies = new Set<string>();
  for (const [, body = ''] of bytes.toString('latin1').matchAll(LIST)) {
    bodies.add(body);
    if (bodies.size > MAX_LISTS) break;
  }
  return [...bodies].map((body) => Buffer.from(body, 'base64'));
}

function time(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}
