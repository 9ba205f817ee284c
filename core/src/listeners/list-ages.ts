import { CERTIFICATE_KINDS, type CertificateKind, isAboutKind, type RevocationListInfo } from '../x509/index.js';
import type { TlsMaterial, TlsPair } from './tls-material.js';

/** So many triples of server name, issuer and kind of certificate are remembered: authorities that have come and gone included. */
const MAX_REMEMBERED = 4096;

/**
 * How new the revocation lists are that were in force. One that is older than its predecessor, though signed and not over, knows less: whoever puts it
 * back, or a mirror that is late, would let in again who was revoked in between.
 */
export class ListAges {
  /** When the newest list was made, by server name, issuer and kind of certificate. */
  readonly #newest = new Map<string, number>();

  /** What is wrong with this material, in one line; null when none of its lists is older than the one before. `now` in milliseconds since 1970. */
  problem(material: TlsMaterial, now: number): string | null {
    for (const [key, { file, issuer, thisUpdate }] of newestOf(material, now)) {
      const before = this.#newest.get(key) ?? thisUpdate;
      if (thisUpdate >= before) continue;
      return (
        `${file}: the list of "${issuer}" is of ${time(thisUpdate)}, older than the one of ${time(before)} that was in force ` +
        '(put the newer one back, or restart the broker to take the older one)'
      );
    }
    return null;
  }

  /** When the newest list of an issuer about one kind was made that was in force for a server name, '' for the listener's own; null for none. */
  newest(serverName: string, issuer: string, kind: CertificateKind): number | null {
    return this.#newest.get(keyOf(serverName, issuer, kind)) ?? null;
  }

  /** This material is in force. A list that has gone is remembered: it must not come back older, unless it is `taken` all the same. */
  note(material: TlsMaterial, now: number, taken = false): void {
    for (const [key, { thisUpdate }] of newestOf(material, now)) {
      const newest = taken ? thisUpdate : Math.max(thisUpdate, this.#newest.get(key) ?? thisUpdate);
      this.#newest.delete(key);
      this.#newest.set(key, newest);
    }
    for (const oldest of this.#newest.keys()) {
      if (this.#newest.size <= MAX_REMEMBERED) return;
      this.#newest.delete(oldest);
    }
  }
}

/** The newest list of each server name, issuer and kind. One that is not valid yet counts for nothing, here too: a clock of the authority may be put right. */
function newestOf(material: TlsMaterial, now: number): ReadonlyMap<string, RevocationListInfo> {
  const found = new Map<string, RevocationListInfo>();
  for (const [name, { revocation }] of [['', material] as [string, TlsPair], ...material.names]) {
    for (const list of revocation?.lists ?? []) {
      if (list.thisUpdate > now) continue;
      for (const kind of CERTIFICATE_KINDS) {
        const key = keyOf(name, list.issuer, kind);
        if (isAboutKind(list, kind) && list.thisUpdate >= (found.get(key)?.thisUpdate ?? list.thisUpdate)) found.set(key, list);
      }
    }
  }
  return found;
}

function keyOf(serverName: string, issuer: string, kind: CertificateKind): string {
  return JSON.stringify([serverName, issuer, kind]);
}

function time(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}
