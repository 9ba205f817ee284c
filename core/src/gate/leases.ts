import { WheelTimer } from '../clock.js';
import type { Pending } from '../hooks/index.js';
import type { GateClient, Standing } from './client.js';
import { refusalCode } from './codes.js';
import type { Gate } from './gate.js';
import { loadPolicy } from './policy-loader.js';

/** How long after a fault a lease is tried again, in milliseconds. */
const RETRY_MS = 500;

/**
 * Keeps the identity and the rights of one connected client fresh: asks again when a lease ends or the rights were invalidated, and ends the
 * connection when they are refused, or cannot be confirmed in time. Nothing is extended in silence.
 */
export class LeaseKeeper {
  readonly #gate: Gate;
  readonly #client: GateClient;
  /** Ends the connection with a reason code of 5.0. */
  readonly #end: (reasonCode: number, detail: string) => void;
  readonly #changed: () => void;
  readonly #identityTimer = new WheelTimer(() => this.#refreshIdentity());
  readonly #policyTimer = new WheelTimer(() => this.#reloadPolicy('lease'));
  #identityStaleSince: number | null = null;
  #policyStaleSince: number | null = null;
  #identityPending: Pending | null = null;
  #policyPending: Pending | null = null;
  /** Grows with every invalidation: an answer that was asked for earlier is thrown away. */
  #wanted = 0;
  #standing: Standing | null = null;
  #stopped = false;

  constructor(gate: Gate, client: GateClient, end: (reasonCode: number, detail: string) => void, changed: () => void) {
    this.#gate = gate;
    this.#client = client;
    this.#end = end;
    this.#changed = changed;
    this.#armIdentity();
    this.#armPolicy();
  }

  stop(): void {
    this.#stopped = true;
    this.#gate.wheel.cancel(this.#identityTimer);
    this.#gate.wheel.cancel(this.#policyTimer);
    this.#identityPending?.cancel();
    this.#policyPending?.cancel();
  }

  /** The rights have changed at their source, or a new generation is in force (`standing`). */
  invalidate(reason: 'invalidated' | 'reload', standing: Standing | null = null): void {
    if (this.#stopped) return;
    if (standing !== null) this.#standing = standing;
    this.#wanted += 1;
    this.#policyPending?.cancel();
    this.#policyPending = null;
    this.#reloadPolicy(reason);
  }

  /** The identity was confirmed by another way: its lease begins anew. */
  identityConfirmed(): void {
    this.#identityStaleSince = null;
    this.#identityPending?.cancel();
    this.#identityPending = null;
    this.#armIdentity();
  }

  #armIdentity(): void {
    const { leaseSeconds } = this.#client;
    if (leaseSeconds === null) this.#gate.wheel.cancel(this.#identityTimer);
    else this.#gate.wheel.schedule(this.#identityTimer, leaseSeconds * 1000);
  }

  #armPolicy(): void {
    const { policyLeaseSeconds } = this.#client;
    if (policyLeaseSeconds === null) this.#gate.wheel.cancel(this.#policyTimer);
    else this.#gate.wheel.schedule(this.#policyTimer, policyLeaseSeconds * 1000);
  }

  #refreshIdentity(): void {
    const client = this.#client;
    const { hooks, chain } = client.standing;
    if (!hooks.taps(client.authority, 'refreshIdentity')) {
      this.#stop(refusalCode('not-authorized', 'disconnect'), 'the identity is as old as it may be');
      return;
    }
    const ageSeconds = Math.round((this.#gate.now() - client.identifiedAt) / 1000);
    const request = { client: client.info, identity: client.identity, tenant: client.tenant, ageSeconds };
    const pending = hooks.askPlugin(client.authority, 'refreshIdentity', request, { deadlineAt: this.#gate.now() + chain.deadlineMs }, (outcome) => {
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
        this.#stop(code, 'the identity no longer stands');
      } else {
        this.#gate.decided('refreshIdentity', client.authority, 'fault', 0x89, client, 'refresh', null, null);
        this.#identityStaleSince ??= this.#gate.now();
        this.#retry(this.#identityTimer, this.#identityStaleSince, 'the identity could not be confirmed');
      }
    });
    if (pending !== null && !this.#stopped) this.#identityPending = pending;
  }

  #reloadPolicy(reason: 'lease' | 'invalidated' | 'reload'): void {
    const client = this.#client;
    const standing = this.#standing ?? client.standing;
    const wanted = this.#wanted;
    const deadlineAt = this.#gate.now() + standing.chain.deadlineMs;
    const pending = loadPolicy(standing, client, reason, client.knownVersions, deadlineAt, (result) => {
      if (this.#stopped || wanted !== this.#wanted) {
        if (result.kind === 'policy') result.binding.release();
        return;
      }
      this.#policyPending = null;
      if (result.kind === 'fault') {
        this.#gate.decided('loadPolicy', result.plugin, 'fault', 0x89, client, 'refresh', null, null);
        this.#policyStaleSince ??= this.#gate.now();
        this.#retry(this.#policyTimer, this.#policyStaleSince, `the rights could not be loaded: ${result.detail}`);
        return;
      }
      this.#policyStaleSince = null;
      this.#standing = null;
      client.stand(standing, result.binding, result.sources);
      client.knownVersions.clear();
      for (const [plugin, version] of result.versions) client.knownVersions.set(plugin, version);
      client.policyLeaseSeconds = result.leaseSeconds;
      this.#armPolicy();
      this.#changed();
    });
    if (pending !== null && !this.#stopped && wanted === this.#wanted) this.#policyPending = pending;
  }

  /** Tries again while the grace lasts; then the client has to go. */
  #retry(timer: WheelTimer, since: number, detail: string): void {
    const left = since + this.#client.standing.chain.staleGraceMs - this.#gate.now();
    if (left <= 0) this.#stop(0x89, detail);
    else this.#gate.wheel.schedule(timer, Math.min(RETRY_MS, left));
  }

  #stop(reasonCode: number, detail: string): void {
    this.stop();
    this.#end(reasonCode, detail);
  }
}
