import type { X509Certificate } from 'node:crypto';
import type { CertificateKind, Revocation } from '../x509/index.js';
import type { Segment } from './problem.js';
import { type KnownList, MAX_KEPT_BYTES, RevocationJudge } from './revocation-judge.js';
import { placeIn, type TlsContents, type TlsRemarks } from './tls-contents.js';

/** Files of those who vouch for the certificates of clients; paths are absolute. */
export interface TrustSettings {
  readonly ca: string | null;
  /** Revocation lists. */
  readonly crl: readonly string[];
}

/** Those who vouch for the certificates of clients, and what they have revoked. */
export interface Trust {
  /** The text of `ca`; null without. */
  readonly ca: string | null;
  readonly authorities: readonly X509Certificate[];
  readonly lists: readonly KnownList[];
  /** Files of lists that are gone: what came from them revokes still, and lets nobody in any more. */
  readonly gone: readonly string[];
  /** The lists as OpenSSL takes them through Node: one PEM text each. */
  readonly crl: readonly string[];
  /** Null without revocation lists. */
  readonly revocation: Revocation | null;
}

/** When the newest list of an issuer about one kind of certificate was made that was ever in force for a server name, '' for the listener's own; null for none. */
export type NewestList = (serverName: string, issuer: string, kind: CertificateKind) => number | null;

/** What is in force already: only a later reading has it. */
export interface Held {
  readonly trust: Trust;
  readonly newest: NewestList;
  readonly serverName: string;
}

/**
 * Judges authorities and their revocation lists. In a later reading everything is judged for itself, and the strictest of what is old and what is
 * new holds, so that no file that is bad holds up what another takes away:
 *
 * - A sound `ca` holds at once, without waiting for lists that fit it: whom it leaves out is refused. One that is not sound leaves the old one, and
 *   the new lists are judged by that.
 * - A list that is sound holds at once. In a file with something bad in it, the lists read from it before hold beside what is sound: whoever stands
 *   in either is revoked.
 * - A list that was in force and does not fit a new `ca` is dropped. Its issuer then has no list, or is none of ours, and is refused either way.
 * - A file that is gone lets nobody in any more, and revokes whom it revoked.
 */
export function judgeTrust(
  settings: TrustSettings,
  contents: TlsContents,
  now: number,
  remarks: TlsRemarks,
  base: readonly Segment[],
  held: Held | null,
): Trust {
  const { ca, authorities } = judgeAuthorities(settings, contents, remarks, [...base, 'ca'], held);
  const none: Trust = { ca, authorities, lists: [], gone: [], crl: [], revocation: null };
  if (settings.crl.length === 0) return none;
  if (settings.ca === null) {
    remarks.problem([...base, 'crl'], '"crl" needs "ca"', 'the certificates of the authorities whose lists these are');
    return none;
  }
  // What is wrong with the authorities has been said; without them, nothing can be said of their lists.
  const judge = authorities.length === 0 ? null : RevocationJudge.of(authorities, now, remarks.problem, remarks.warning);
  return judge === null ? none : { ca, authorities, ...judgeLists(settings.crl, judge, contents, remarks, [...base, 'crl'], held) };
}

function judgeAuthorities(
  settings: TrustSettings,
  contents: TlsContents,
  remarks: TlsRemarks,
  at: readonly Segment[],
  held: Held | null,
): Pick<Trust, 'ca' | 'authorities'> {
  if (settings.ca === null) return { ca: null, authorities: [] };
  const before = remarks.faults;
  const authorities = contents.chain(settings.ca, at);
  if (authorities.length > 0 && settings.crl.length > 0 && !RevocationJudge.canRead(authorities)) {
    remarks.problem(at, 'a certificate of it is no sound DER: its name cannot be compared with that of a list');
  }
  if (remarks.faults === before) return { ca: contents.text(settings.ca), authorities };
  return { ca: held?.trust.ca ?? null, authorities: held?.trust.authorities ?? [] };
}

function judgeLists(
  files: readonly string[],
  judge: RevocationJudge,
  contents: TlsContents,
  remarks: TlsRemarks,
  at: readonly Segment[],
  held: Held | null,
): Pick<Trust, 'lists' | 'gone' | 'crl' | 'revocation'> {
  const known = held?.trust.lists ?? [];
  const gone: string[] = [];
  for (const [index, path] of files.entries()) {
    const place = files.length === 1 ? at : [...at.slice(0, -1), ...placeIn('crl', files, index)];
    const before = remarks.faults;
    const bytes = contents.bytes(path, place);
    if (bytes !== null) judge.add(path, bytes, place, known);
    if (remarks.faults === before) continue;
    const keptAll = judge.keep(
      known.filter(({ file }) => file === path),
      MAX_KEPT_BYTES,
    );
    // One that was gone is not back before it is sound.
    if (!keptAll || contents.isMissing(path) || held?.trust.gone.includes(path) === true) gone.push(path);
  }
  if (held !== null) judge.refuseOlder((issuer, kind) => held.newest(held.serverName, issuer, kind), known, at);
  const { lists } = judge;
  return { lists, gone, crl: judge.pems(), revocation: judge.finish(at, new Set(gone)) };
}
