import type { IdentityGrant } from './identity.js';
import type { DenyReason } from './reason-codes.js';
import type { ConnectPatch, PublishPatch, TenantGrant } from './requests.js';
import type { PolicyGrant } from './rules.js';

declare const minted: unique symbol;

/**
 * An answer. Only the host can make one, for one question, through the `decide` or `give` that it hands to the handler.
 *
 * Anything else that a handler returns (undefined, null, true, an object that looks alike, a decision kept from another question) is a fault.
 */
export interface Decision {
  readonly [minted]: true;
}

/** Verbs of an authority that judges an action. */
export interface Decide {
  /** Permits. */
  allow(): Decision;
  /** Refuses; the word becomes the reason code of the packet at hand. */
  deny(reason: DenyReason): Decision;
  /** Has no opinion; the next one is asked. If nobody has one, the answer is no. */
  skip(): Decision;
}

/** Verbs of an authority that says who a client is. */
export interface DecideIdentity {
  /** Permits, as this identity. A missing or malformed identity makes the answer a fault. */
  allow(grant: IdentityGrant): Decision;
  /** Refuses: unknown is skip, known and wrong is this. */
  deny(reason: DenyReason): Decision;
  /** Does not know the client; the next one is asked. If nobody does, the answer is `bad-credentials`. */
  skip(): Decision;
}

/** Verbs of enhanced authentication. */
export interface DecideEnhanced {
  /** Permits, as this identity; `data` goes to the client in the CONNACK or the closing AUTH (at most 65,535 bytes). */
  allow(grant: IdentityGrant & { readonly data?: Uint8Array }): Decision;
  /** Asks the client for another step with these bytes (AUTH 0x18; at most 65,535 bytes). */
  continue(data: Uint8Array): Decision;
  /** Refuses, and ends the exchange. */
  deny(reason: DenyReason): Decision;
}

/** Verbs of an authority that confirms an identity whose lease ended. */
export interface DecideRefresh {
  /** The identity stands; `leaseSeconds` sets the next lease (without it: the same as before). */
  allow(grant?: { readonly leaseSeconds?: number }): Decision;
  /** The identity no longer stands; the connection ends. */
  deny(reason: DenyReason): Decision;
}

/** Verbs of a guard: it can only let pass or refuse, never grant. */
export interface DecideGuard {
  /** Lets pass, as far as this guard is concerned. */
  pass(): Decision;
  /** Refuses; nobody further is asked. */
  deny(reason: DenyReason): Decision;
}

/** Verbs of a guard of one topic filter. */
export interface DecideSubscribeGuard {
  /** Lets pass; `maxQos` lowers the granted QoS. */
  pass(limits?: { readonly maxQos?: 0 | 1 | 2 }): Decision;
  /** Refuses this topic filter. */
  deny(reason: DenyReason): Decision;
}

/** Verbs of a source of tenants. */
export interface GiveTenant {
  /** Gives the tenant. */
  tenant(grant: TenantGrant): Decision;
  /** Gives nothing; the next source is asked. */
  nothing(): Decision;
}

/** Verbs of a source of connect patches. */
export interface GiveConnectPatch {
  /** Gives a patch; a field that cannot be patched makes it a fault. */
  patch(patch: ConnectPatch): Decision;
  /** Changes nothing. */
  nothing(): Decision;
}

/** Verbs of a source of rights. */
export interface GivePolicy {
  /** Gives the rights of this client. */
  policy(grant: PolicyGrant): Decision;
  /** Knows no rights for this client (which grants none). */
  nothing(): Decision;
}

/** Verbs of a source of publish patches. */
export interface GivePublishPatch {
  /** Gives a patch; a field that cannot be patched makes it a fault. */
  patch(patch: PublishPatch): Decision;
  /** Changes nothing. */
  nothing(): Decision;
}
