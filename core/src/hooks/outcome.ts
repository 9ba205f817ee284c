import type { DenyReason, IdentityGrant, PolicyGrant, TenantGrant } from '@portcullis/sdk';

export interface AllowOutcome {
  readonly kind: 'allow';
  readonly plugin: string;
  /** Who the client is: a checked, deep-frozen copy. Null where the question was not about an identity. */
  readonly grant: IdentityGrant | null;
  /** Bytes for the client, from enhanced authentication only. */
  readonly data: Buffer | null;
  /** Seconds; null when the plugin gave none. */
  readonly leaseSeconds: number | null;
}

export interface FaultOutcome {
  readonly kind: 'fault';
  readonly plugin: string | null;
  /** True when there was no room or no time left to ask, rather than a wrong answer. */
  readonly overload: boolean;
  /** For the log. Never for a client. */
  readonly detail: string;
  /** True when not even `onFault: "skip"` may look past it: the plugin said what its manifest does not list. */
  readonly final: boolean;
}

/** How a question ended. */
export type Outcome =
  | AllowOutcome
  | { readonly kind: 'pass'; readonly maxQos: 0 | 1 | 2 }
  | { readonly kind: 'continue'; readonly plugin: string; readonly data: Buffer }
  | { readonly kind: 'deny'; readonly plugin: string | null; readonly reason: DenyReason }
  | { readonly kind: 'skip' }
  | FaultOutcome;

/** How a question to a source ended, besides faults. */
export type GivenOutcome =
  | { readonly kind: 'given'; readonly plugin: string; readonly value: TenantGrant | PolicyGrant | Readonly<Record<string, unknown>> }
  | { readonly kind: 'nothing' };

/** Everything that one plugin's answer can become. */
export type PluginOutcome = Outcome | GivenOutcome;

export const SKIP: Outcome = Object.freeze({ kind: 'skip' });
export const PASS: Outcome = Object.freeze({ kind: 'pass', maxQos: 2 });
export const NOTHING: GivenOutcome = Object.freeze({ kind: 'nothing' });

export function fault(plugin: string | null, detail: string, overload = false, final = false): FaultOutcome {
  return Object.freeze({ kind: 'fault', plugin, overload, detail, final });
}
