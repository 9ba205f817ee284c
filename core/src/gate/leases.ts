import { WheelTimer } from '../clock.js';
import type { Pending } from '../hooks/index.js';
import type { GateClient, Standing } from './client.js';
import { refusalCode } from './codes.js';
import type { Gate } from './gate.js';
import { loadPolicy } from './policy-loader.js';

/** How long after a fault a lease is tried again, in milliseconds. */
export const REFRESH_RETRY_MS = 500;

/** Longest time, in milliseconds, until a certificate's end is looked at again: the clock of the machine may be set meanwhile. */
const CERTIFICATE_LOOK_MS = 3_600_000;

/** How much of a lease may be left when it is renewed. */
const EARLIEST = 0.2;

/** The part of a lease after which its end is seen to: clients that came together must not all be asked about at the same moment. */
function early({ options: { random = Math.random } }: Gate): number {
  return 1 - EARLIEST * random();
}

/**
 * Keeps the identity and the rights of one connected client fresh: asks again when a lease ends or the rights were invalidated, and ends the
 * connection when they are refused, or cannot be confirmed in time. Nothing is extended in silence.
 */
export class LeaseKeeper {
  /** What judges the re-authentication that the client is in the middle of, from its first step to its last; null when it is in none. */
  judgedAgainBy: Standing | null = null;
  readonly #gate: Gate;
  readonly #client: GateClient;
  /** Ends the connection with a reason code of 5.0. */
  readonly #end: (reasonCode: number, detail: string) => void;
  /** Judges what the client has by its new rights, and calls back when that is done. */
  readonly #changed: (judged: () => void) => void;
  /** Called when the load that is out, and what follows from it, is over. */
  #loaded: (() => void) | null = null;
  /** Made when there is a lease: most clients have none. */
  #identityTimer: WheelTimer | null = null;
  #policyTimer: WheelTimer | null = null;
  #certificateTimer: WheelTimer | null = null;
  #identityStaleSince: number | null = null;
  #policyStaleSince: number | null = null;
  #identityPending: Pending | null = null;
  #policyPending: Pending | null = null;
  /** Grows with every load: an answer that was asked for earlier is thrown away. */
  #load = 0;
  #standing: Standing | null = null;
  #stopped = false;

  constructor(gate: Gate, client: GateClient, end: (reasonCode: number, detail: string) => void, changed: (judged: () => void) => void) {
    this.#gate = gate;
    this.#client = client;
    this.#end = end;
    this.#changed = changed;
    this.#armIdentity();
    this.#armPolicy();
    this.#armCertificate();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel(this.#identityTimer);
    this.#cancel(this.#policyTimer);
    this.#cancel(this.#certificateTimer);
    this.#identityPending?.cancel();
    this.#policyPending?.cancel();
    this.#stale(false);
    this.#over();
  }

  /** The rights have changed at their source. `done` is called when the client was judged by the new ones, or another load takes the place of this. */
  invalidate(done: () => void = () => {}): void {
    if (this.#stopped) return done();
    this.#reloadPolicy('invalidated', done);
  }

  /** Whether the plugin that let the client in is still asked under other rules. */
  isVouchedFor(standing: Standing): boolean {
    return standing.chain.authenticate.includes(this.#client.authority);
  }

  /** A new generation is in force: its authority must still stand for the client, and its sources give the rights. */
  renew(standing: Standing, done: () => void = () => {}): void {
    if (this.#stopped) return done();
    const { authority } = this.#client;
    if (!this.isVouchedFor(standing)) {
      this.#refuse('the plugin that let it in is no longer asked');
      return done();
    }
    this.#standing = standing;
    this.#reloadPolicy('reload', done);
    if (this.#stopped || !standing.hooks.taps(authority, 'refreshIdentity')) return;
    this.#identityPending?.cancel();
    this.#identityPending = null;
    this.#refreshIdentity();
  }

  /** The identity was confirmed by another way: its lease begins anew. */
  identityConfirmed(): void {
    this.judgedAgainBy = null;
    this.#identityStaleSince = null;
    this.#identityPending?.cancel();
    this.#identityPending = null;
    this.#armIdentity();
  }

  #armIdentity(): void {
    const { leaseSeconds } = this.#client;
    if (leaseSeconds === null) this.#cancel(this.#identityTimer);
    else this.#refreshIn(leaseSeconds * 1000 * (this.#canRefresh ? early(this.#gate) : 1));
  }

  #armPolicy(): void {
    const { policyLeaseSeconds } = this.#client;
    this.#client.rightsEndAt = policyLeaseSeconds === null ? Number.POSITIVE_INFINITY : this.#gate.now() + policyLeaseSeconds * 1000;
    if (policyLeaseSeconds === null) this.#cancel(this.#policyTimer);
    else this.#reloadIn(policyLeaseSeconds * 1000 * early(this.#gate));
  }

  /** Whoever made the identity, or asked for a certificate besides: nobody could come in with one that is over, so nobody stays. */
  #armCertificate(): void {
    const certificate = this.#client.tls?.certificate ?? null;
    if (certificate === null) return;
    this.#certificateTimer ??= new WheelTimer(() => this.#lookAtCertificate(certificate.validTo));
    const left = certificate.validTo - this.#gate.wheel.clock.wall();
    this.#gate.wheel.schedule(this.#certificateTimer, Math.min(left, CERTIFICATE_LOOK_MS));
  }

  #lookAtCertificate(validTo: number): void {
    if (validTo > this.#gate.wheel.clock.wall()) this.#armCertificate();
    else this.#refuse('its certificate is over');
  }

  #refreshIn(milliseconds: number): void {
    this.#identityTimer ??= new WheelTimer(() => this.#refreshIdentity());
    this.#gate.wheel.schedule(this.#identityTimer, milliseconds);
  }

  #reloadIn(milliseconds: number): void {
    this.#policyTimer ??= new WheelTimer(() => this.#reloadPolicy('lease'));
    this.#gate.wheel.schedule(this.#policyTimer, milliseconds);
  }

  #cancel(timer: WheelTimer | null): void {
    if (timer !== null) this.#gate.wheel.cancel(timer);
  }

  /** Else the lease is the greatest age of the session, to the second. */
  get #canRefresh(): boolean {
    return (this.#standing ?? this.#client.standing).hooks.taps(this.#client.authority, 'refreshIdentity');
  }

  #over(): void {
    const loaded = this.#loaded;
    this.#loaded = null;
    loaded?.();
  }

  /** Whether the client is served by rights that could not be confirmed. */
  #stale(stale: boolean): void {
    if ((this.#policyStaleSince !== null) === stale) return;
    this.#policyStaleSince = stale ? this.#gate.now() : null;
    this.#gate.options.stats.policyStale += stale ? 1 : -1;
  }

  #refreshIdentity(): void {
    const client = this.#client;
    // The rights of a new generation may still be on their way; the identity is its matter already.
    const { hooks, chain } = this.#standing ?? client.standing;
    if (!hooks.taps(client.authority, 'refreshIdentity')) return this.#refuse('the identity is as old as it may be');
    const now = this.#gate.now();
    const pending = hooks.askPlugin(
      client.authority,
      'refreshIdentity',
      client.refreshRequest(now),
      { deadlineAt: now + chain.deadlineMs },
      (outcome) => {
        this.#identityPending = null;
        if (this.#stopped) return;
        if (outcome.kind === 'allow') {
          this.#identityStaleSince = null;
          client.identifiedAt = this.#gate.now();
          if (outcome.leaseSeconds !== null) client.leaseSeconds = outcome.leaseSeconds;
          this.#gate.decided('refreshIdentity', outcome.plugin, 'allow', 0, client, 'refresh', null, null);
          this.#armIdentity();
        } else if (outcome.kind === 'deny') {
          const code = refusalCode(outcome.reason, 'disconnect');
          this.#gate.decided('refreshIdentity', outcome.plugin, 'deny', code, client, 'refresh', null, null);
          client.barred = true;
          this.#stop(code, 'the identity no longer stands');
        } else {
          const detail = outcome.kind === 'fault' ? outcome.detail : `an authority answered ${outcome.kind}`;
          this.#gate.decided('refreshIdentity', client.authority, 'fault', 0x89, client, 'refresh', null, null, detail);
          this.#identityStaleSince ??= this.#gate.now();
          if (this.#graceLeft(this.#identityStaleSince) <= 0) client.barred = true;
          this.#retry((inMs) => this.#refreshIn(inMs), this.#identityStaleSince, 'the identity could not be confirmed');
        }
      },
    );
    if (pending !== null && !this.#stopped) this.#identityPending = pending;
  }

  #reloadPolicy(reason: 'lease' | 'invalidated' | 'reload', done: () => void = () => {}): void {
    this.#over();
    this.#loaded = done;
    const client = this.#client;
    const standing = this.#standing ?? client.standing;
    // Of two loads the later one counts, whichever is answered first: the earlier one may have read what has changed since.
    this.#policyPending?.cancel();
    this.#policyPending = null;
    this.#cancel(this.#policyTimer);
    this.#load += 1;
    const load = this.#load;
    const deadlineAt = this.#gate.now() + standing.chain.deadlineMs;
    client.owed = standing;
    const { invalidations } = this.#gate;
    const pending = loadPolicy(standing, client, reason, client.knownVersions, deadlineAt, (result) => {
      if (this.#stopped || load !== this.#load) {
        if (result.kind === 'policy') result.binding.release();
        return;
      }
      this.#policyPending = null;
      // It may have read what has changed since; the load that the invalidation asks for has yet to begin.
      if (this.#gate.isSuperseded(client, invalidations)) {
        if (result.kind === 'policy') result.binding.release();
        return this.#over();
      }
      if (result.kind === 'fault') {
        this.#gate.decided('loadPolicy', result.plugin, 'fault', 0x89, client, 'refresh', null, null, result.detail);
        this.#stale(true);
        client.unconfirmed = true;
        // What a replica has not heard of yet, or has no room for, is no failure of the source: it is asked again for as long as one answer may take.
        const patience = result.outdated || result.overload ? standing.chain.deadlineMs : 0;
        const since = this.#policyStaleSince ?? this.#gate.now();
        this.#retry((inMs) => this.#reloadIn(inMs), since, `the rights could not be loaded: ${result.detail}`, patience);
        return this.#over();
      }
      this.#stale(false);
      this.#standing = null;
      client.adopt(standing, result, this.#gate.now());
      this.#armPolicy();
      this.#changed(() => {
        if (load === this.#load) this.#over();
      });
    });
    if (pending !== null && !this.#stopped && load === this.#load) this.#policyPending = pending;
  }

  /** Tries again while the grace lasts; then the client has to go. */
  #retry(again: (milliseconds: number) => void, since: number, detail: string, patienceMs = 0): void {
    const left = Math.max(this.#graceLeft(since), since + patienceMs - this.#gate.now());
    if (left <= 0) this.#stop(0x89, detail);
    else again(Math.min(REFRESH_RETRY_MS, left));
  }

  #graceLeft(since: number): number {
    const { chain } = this.#standing ?? this.#client.standing;
    return since + chain.staleGraceMs - this.#gate.now();
  }

  /** Nobody answers for the identity any more: the client goes, and nothing is published in its name. */
  #refuse(detail: string): void {
    this.#client.barred = true;
    this.#stop(refusalCode('not-authorized', 'disconnect'), detail);
  }

  #stop(reasonCode: number, detail: string): void {
    this.stop();
    this.#end(reasonCode, detail);
  }
}
