/** A value that an identity may carry for rules (`%{attr.<name>}`). Compared as text. */
export type AttributeValue = string | number | boolean;

/**
 * Who a client is, as an authority says it and the core keeps it.
 *
 * `username`: 1 to 65,535 bytes of UTF-8 without U+0000. `groups` and `attributes` are for rules and other plugins; both may be left out.
 */
export interface NamedIdentity {
  readonly username: string;
  readonly groups?: readonly string[];
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  readonly anonymous?: false;
}

/** The one identity without a username: owns no session of another principal, and `%u` never matches for it. */
export interface AnonymousIdentity {
  readonly anonymous: true;
  readonly groups?: readonly string[];
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
}

export type Identity = NamedIdentity | AnonymousIdentity;

/** What an authority hands over with `decide.allow`. */
export interface IdentityGrant {
  readonly identity: Identity;
  /** Seconds for which the identity stands before `refreshIdentity` is asked; without it there is no end. A positive finite number. */
  readonly leaseSeconds?: number;
}
