import type { CertificateParts } from './certificate.js';
import { nameKey, readName } from './names.js';
import { type CertificateKind, type Covered, isAboutKind, type RevocationList } from './revocation-list.js';

/** A certificate as revocation lists speak of it: key of its issuer's name, and its serial number in hexadecimal. */
export interface CertificateId {
  readonly issuer: string;
  readonly serial: string;
}

/** An authority: its own certificate, and the key of its name. */
export interface AuthorityId extends CertificateId {
  readonly subject: string;
}

/** What is known of a revocation list that is in force, for people. */
export interface RevocationListInfo {
  /** Path of its file. */
  readonly file: string;
  /** Name of its issuer by RFC 2253. */
  readonly issuer: string;
  /** When it was made and when it gets too old, in milliseconds since 1970; null for never. */
  readonly thisUpdate: number;
  readonly nextUpdate: number | null;
  readonly covers: Covered;
  /** Certificates that it revokes. */
  readonly revoked: number;
  /** Its file is no longer there: it lets nobody in any more, and revokes still. */
  readonly gone: boolean;
}

/** `unproven`: no list in force covers a certificate of the chain, so nobody can say that it is not revoked. */
export type CertificateStanding = 'good' | 'revoked' | 'unproven';

export function certificateId({ issuer, serial }: CertificateParts): CertificateId {
  return { issuer: nameKey(readName(issuer)), serial };
}

export function authorityId(parts: CertificateParts): AuthorityId {
  return { ...certificateId(parts), subject: nameKey(parts.subjectName) };
}

interface Source {
  readonly list: RevocationList;
  readonly gone: boolean;
}

/** The lists of one trust: what they say of a certificate, and of every authority above it. Their signatures have been verified. */
export class Revocation {
  readonly lists: readonly RevocationListInfo[];
  readonly #byIssuer = new Map<string, Source[]>();
  readonly #authorities = new Map<string, AuthorityId[]>();

  /** `gone`: files that are no longer there. */
  constructor(
    lists: readonly { readonly file: string; readonly list: RevocationList }[],
    authorities: readonly AuthorityId[],
    gone: ReadonlySet<string> = new Set(),
  ) {
    this.lists = lists.map(({ file, list: { issuerName, thisUpdate, nextUpdate, covers, serials } }) => {
      return { file, issuer: issuerName, thisUpdate, nextUpdate, covers, revoked: serials.size, gone: gone.has(file) };
    });
    for (const { list, file } of lists) {
      this.#byIssuer.set(list.issuer, [...(this.#byIssuer.get(list.issuer) ?? []), { list, gone: gone.has(file) }]);
    }
    for (const authority of authorities) this.#authorities.set(authority.subject, [...(this.#authorities.get(authority.subject) ?? []), authority]);
  }

  /**
   * What the lists say at this moment, in milliseconds since 1970. Of several authorities with one name all must be good: which of them signed,
   * a session that was resumed does not tell. Whoever is connected stays while a list holds whose file is gone; nobody comes in by it.
   */
  judge(certificate: CertificateId, now: number, isConnected = false): CertificateStanding {
    return this.#judge(certificate, now, new Set(), 'ends', isConnected);
  }

  /** The next moment after this one at which a list begins or ends to be valid; infinity for none. */
  nextChange(now: number): number {
    const moments = this.lists.flatMap(({ thisUpdate, nextUpdate }) => [thisUpdate, nextUpdate ?? Number.POSITIVE_INFINITY]);
    return Math.min(Number.POSITIVE_INFINITY, ...moments.filter((moment) => moment > now));
  }

  #judge({ issuer, serial }: CertificateId, now: number, seen: Set<string>, kind: CertificateKind, isConnected: boolean): CertificateStanding {
    const lists = this.#byIssuer.get(issuer) ?? [];
    // What an old list has revoked stays so.
    if (lists.some(({ list }) => list.serials.has(serial))) return 'revoked';
    const authorities = this.#authorities.get(issuer) ?? [];
    const isCovered = areInForce(
      lists.filter(({ list }) => isAboutKind(list, kind)),
      ({ list, gone }) => (isConnected || !gone) && isValid(list, now),
    );
    let standing: CertificateStanding = authorities.length > 0 && isCovered ? 'good' : 'unproven';
    if (seen.has(issuer)) return standing;
    seen.add(issuer);
    for (const authority of authorities) {
      const above = this.#judge(authority, now, seen, 'authorities', isConnected);
      if (above === 'revoked') return above;
      if (above === 'unproven') standing = above;
    }
    return standing;
  }
}

/**
 * Whether lists of one issuer say of all its certificates whether they are revoked: one that is about all of them, or else one for each distribution
 * point. Which point a certificate names is not looked at, so that none of the parts that are known may be missing.
 */
function areInForce(lists: readonly Source[], isInForce: (source: Source) => boolean): boolean {
  const points = new Map<string | null, boolean>();
  for (const source of lists) points.set(source.list.point, points.get(source.list.point) === true || isInForce(source));
  if (points.get(null) === true) return true;
  points.delete(null);
  return points.size > 0 && [...points.values()].every((inForce) => inForce);
}

/** Whether a list is in force at this moment. */
export function isValid({ thisUpdate, nextUpdate }: Pick<RevocationListInfo, 'thisUpdate' | 'nextUpdate'>, now: number): boolean {
  return thisUpdate <= now && (nextUpdate === null || now <= nextUpdate);
}
