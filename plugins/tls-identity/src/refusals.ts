import type { ClientCertificate, PluginLog, PluginMetrics } from '@portcullis/sdk';
import type { Source, Unfit } from './identify.js';

/** Why a client is refused: its certificate is unfit, or it is fit and something else is not. */
export type Refusal = Unfit | 'no-certificate' | 'expired' | 'other-username' | 'other-identity';

/** Least time between two log lines about one kind of refusal, in milliseconds. */
const QUIET_MS = 10_000;

const TEXTS: Readonly<Record<Exclude<Refusal, 'no-certificate'>, string>> = {
  missing: 'a certificate has no value where one is wanted',
  ambiguous: 'a certificate has several values where one is wanted',
  unreadable: 'a certificate has a value that is not shown: it is empty, too long, or no plain text',
  'too-long': 'a certificate has a value that is too long',
  'too-many-groups': 'a certificate has too many groups',
  expired: 'a certificate is over',
  'other-username': 'a client has a certificate and says another username',
  'other-identity': 'a certificate says another identity than the client has',
};

/** Tells an administrator why certificates are refused: each refusal is counted, and of each kind one in a while is a line in the log. */
export class Refusals {
  readonly #log: PluginLog;
  readonly #metrics: PluginMetrics;
  readonly #now: () => number;
  /** When a kind was last logged; there are as many as there are texts. */
  readonly #loggedAt = new Map<Refusal, number>();

  /** `now` in milliseconds. */
  constructor(log: PluginLog, metrics: PluginMetrics, now: () => number) {
    this.#log = log;
    this.#metrics = metrics;
    this.#now = now;
  }

  /** Nobody has shown a certificate: the broker logs that as it logs every refusal. */
  withoutCertificate(): void {
    this.#metrics.count('refused.no-certificate');
  }

  of(refusal: Exclude<Refusal, 'no-certificate'>, { serialNumber, fingerprint256 }: ClientCertificate, source?: Source): void {
    this.#metrics.count(`refused.${refusal}`);
    const now = this.#now();
    const last = this.#loggedAt.get(refusal);
    if (last !== undefined && now - last < QUIET_MS && now >= last) return;
    this.#loggedAt.set(refusal, now);
    // The serial number and the digest tell which one it is, and nobody can write anything misleading into them.
    const which = { serial: serialNumber, fingerprint: fingerprint256 };
    this.#log.warn(source === undefined ? which : { source, ...which }, TEXTS[refusal]);
  }
}
