import { getCiphers } from 'node:tls';
import { nameHint } from './did-you-mean.js';

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';
export type KeyKind = 'ecdsa' | 'rsa';

export interface SuiteFault {
  /** Place in the list; null for the list as a whole. */
  readonly index: number | null;
  readonly message: string;
  readonly hint: string | null;
}

const SUITE_13 = /^TLS_/;
/** Ways to agree on a key that this broker has: elliptic curves, or the certificate's RSA key. It has no parameters for DHE, no PSK, no SRP. */
const SUITE_12 = /^(?:ECDHE-ECDSA-|ECDHE-RSA-|AES(?:128|256)-)/;

let known: readonly string[] | null = null;

/** Every suite that a listener could select. */
function knownSuites(): readonly string[] {
  known ??= getCiphers()
    .map((name) => name.toUpperCase())
    .filter((name) => SUITE_13.test(name) || SUITE_12.test(name));
  return known;
}

/** What is wrong with a list of suites: unknown ones, and versions or keys for which it leaves none. */
export function suiteFaults(suites: readonly string[], versions: readonly TlsVersion[], keys: ReadonlySet<KeyKind>): SuiteFault[] {
  const faults: SuiteFault[] = [];
  for (const [index, suite] of suites.entries()) {
    if (knownSuites().includes(suite)) continue;
    const exists = getCiphers().includes(suite.toLowerCase()) && suite === suite.toUpperCase();
    const message = exists ? 'this suite can never be selected' : 'is not the name of a cipher suite';
    const hint = exists ? 'the broker has no DH parameters, pre-shared keys or SRP' : nameHint(suite, knownSuites());
    faults.push({ index, message, hint: hint ?? 'suites are named as OpenSSL names them: "TLS_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"' });
  }
  if (faults.length > 0) return faults;
  for (const version of versions) {
    const ofVersion = suites.filter((suite) => SUITE_13.test(suite) === (version === 'TLSv1.3'));
    const usable = ofVersion.filter((suite) => version === 'TLSv1.3' || fits(suite, keys));
    if (usable.length > 0) continue;
    const message =
      ofVersion.length === 0 ? `no suite of ${version} is left` : `no suite of ${version} is left that goes with the keys (${[...keys].join(', ')})`;
    faults.push({ index: null, message, hint: versionHint(version) });
  }
  return faults;
}

function fits(suite: string, keys: ReadonlySet<KeyKind>): boolean {
  return keys.size === 0 || keys.has(suite.startsWith('ECDHE-ECDSA-') ? 'ecdsa' : 'rsa');
}

function versionHint(version: TlsVersion): string {
  const other = version === 'TLSv1.2' ? 'set "minVersion" to "TLSv1.3"' : 'set "maxVersion" to "TLSv1.2"';
  return `name one, or ${other}`;
}
