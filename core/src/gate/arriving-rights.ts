import type { IdentityGrant } from '@portcullis/sdk';
import { WheelTimer } from '../clock.js';
import type { Pending } from '../hooks/index.js';
import { type Concerned, GateClient, NONE_KNOWN, type Standing } from './client.js';
import type { Gate } from './gate.js';
import { REFRESH_RETRY_MS } from './leases.js';
import { type LoadedPolicy, loadPolicy, type PolicyFault, type PolicySubject } from './policy-loader.js';

/** Pause before rights that have changed while they were asked for are asked for once more, in milliseconds; it doubles each time. */
const FIRST_PAUSE_MS = 10;

export type Arrived = { readonly kind: 'client'; readonly client: GateClient } | PolicyFault;

/**
 * The rights of a client that is on its way in. They may change at their source while they are being asked for, and then an answer may be from before
 * that: it is not used, and they are asked for again.
 */
export class ArrivingRights implements Pending {
  /** Whether they have changed since they were asked for. */
  superseded = false;
  readonly subject: PolicySubject;
  readonly #gate: Gate;
  readonly #standing: Standing;
  readonly #authority: string;
  readonly #leaseSeconds: number | null;
  readonly #mountpoint: string;
  readonly #deadlineAt: number;
  /** Versions that sources have announced for this client. */
  #announced: Map<string, number> | null = null;
  #pauseMs = 0;
  #pending: Pending | null = null;
  #over = false;

  constructor(
    gate: Gate,
    standing: Standing,
    subject: PolicySubject,
    authority: string,
    grant: IdentityGrant,
    mountpoint: string,
    deadlineAt: number,
  ) {
    this.#gate = gate;
    this.#standing = standing;
    this.subject = subject;
    this.#authority = authority;
    this.#leaseSeconds = grant.leaseSeconds ?? null;
    this.#mountpoint = mountpoint;
    this.#deadlineAt = deadlineAt;
  }

  get username(): string | null {
    const { identity } = this.subject;
    return identity.anonymous === true ? null : identity.username;
  }

  /** Rights have changed at their source; if these are concerned, an answer older than `version` is not taken. */
  invalidated(concerns: (client: Concerned) => boolean, plugin: string, version: number | null): void {
    const { info, tenant } = this.subject;
    if (!concerns({ info, username: this.username, tenant, standing: this.#standing, owed: null, sources: [] })) return;
    this.superseded = true;
    if (version !== null) this.#announce(plugin, version);
  }

  /** `done` may be called before it returns, and then it returns null. May be called again. */
  load(done: (arrived: Arrived) => void): Pending | null {
    const { info, tenant } = this.subject;
    // Whoever comes back to a session comes back to what was announced for it.
    for (const [plugin, version] of this.#gate.announcedFor(tenant, info.id) ?? []) this.#announce(plugin, version);
    this.#over = false;
    this.#ask(done);
    return this.#over ? null : this;
  }

  cancel(): void {
    this.#over = true;
    this.#pending?.cancel();
    this.#pending = null;
  }

  #announce(plugin: string, version: number): void {
    this.#announced ??= new Map();
    this.#announced.set(plugin, Math.max(version, this.#announced.get(plugin) ?? version));
  }

  #ask(done: (arrived: Arrived) => void): void {
    this.superseded = false;
    let answered = false;
    const subject = this.#announced === null ? this.subject : { ...this.subject, announced: this.#announced };
    const pending = loadPolicy(this.#standing, subject, 'connect', NONE_KNOWN, this.#deadlineAt, (result) => {
      answered = true;
      this.#pending = null;
      if (this.#over) {
        if (result.kind === 'policy') result.binding.release();
      } else this.#take(result, done);
    });
    if (!answered) this.#pending = pending;
  }

  #take(result: LoadedPolicy | PolicyFault, done: (arrived: Arrived) => void): void {
    if (this.superseded) {
      if (result.kind === 'policy') result.binding.release();
      return this.#askLater(done, 'the rights keep changing');
    }
    // What a replica has not heard of yet is asked for as long as there is time.
    if (result.kind === 'fault' && result.outdated) return this.#askLater(done, result.detail, REFRESH_RETRY_MS);
    this.#over = true;
    done(result.kind === 'fault' ? result : { kind: 'client', client: this.#client(result) });
  }

  #askLater(done: (arrived: Arrived) => void, detail: string, pauseMs = this.#pauseMs): void {
    const wheel = this.#gate.wheel;
    if (wheel.clock.now() + pauseMs >= this.#deadlineAt) {
      this.#over = true;
      return done({ kind: 'fault', plugin: null, overload: false, outdated: true, detail });
    }
    this.#pauseMs = Math.min(REFRESH_RETRY_MS, Math.max(FIRST_PAUSE_MS, this.#pauseMs * 2));
    if (pauseMs === 0) return this.#ask(done);
    const timer = new WheelTimer(() => {
      this.#pending = null;
      this.#ask(done);
    });
    wheel.schedule(timer, pauseMs);
    this.#pending = { cancel: () => wheel.cancel(timer) };
  }

  #client({ binding, sources, versions, leaseSeconds }: LoadedPolicy): GateClient {
    const { info, identity, tenant, tls } = this.subject;
    const client = new GateClient({
      info,
      identity,
      tenant,
      mountpoint: this.#mountpoint,
      tls,
      authority: this.#authority,
      leaseSeconds: this.#leaseSeconds,
      identifiedAt: this.#gate.now(),
      standing: this.#standing,
      binding,
      sources,
    });
    client.knownVersions = versions;
    client.policyLeaseSeconds = leaseSeconds;
    for (const [plugin, version] of this.#announced ?? []) client.announce(plugin, version);
    return client;
  }
}
