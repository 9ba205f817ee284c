/** A value that an identity may carry for rules (`%{attr.<name>}`). Compared as text. */
export type AttributeValue = string | number | boolean;

/**
 * Who a client is, as an authority says it and the core keeps it.
 *
 * `username`: 1 to 65,535 bytes of UTF-8 without U+0000. `groups` and `attributes` are for rules and other plugins; both may be left out.
 */
export interface NamedIdentity {
  /** 1 to 65,535 bytes of UTF-8 without U+0000; `%u` in rules. */
  readonly username: string;
  /** At most 10,000 names, for rules and other plugins. */
  readonly groups?: readonly string[];
  /** At most 10,000 values, for rules and other plugins. */
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  /** False or left out. */
  readonly anonymous?: false;
}

/** The one identity without a username: owns no session of another principal, and `%u` never matches for it. */
export interface AnonymousIdentity {
  /** True, spelled out: an identity that merely lacks its username is a fault. */
  readonly anonymous: true;
  /** At most 10,000 names, for rules and other plugins. */
  readonly groups?: readonly string[];
  /** At most 10,000 values, for rules and other plugins. */
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
}

/** Who a client is: somebody with a name, or nobody in particular. */
export type Identity = NamedIdentity | AnonymousIdentity;

/** What an authority hands over with `decide.allow`. */
export interface IdentityGrant {
  readonly identity: Identity;
  /** Seconds for which the identity stands before `refreshIdentity` is asked; without it there is no end. A positive finite number. */
  readonly leaseSeconds?: number;
  /**
   * True when the identity does not rest on the password alone (a certificate, a token). Without it an `allow` of `authenticate` after `verify` was
   * asked and never said yes is a fault: a promise or a list was then taken for an answer. False or left out otherwise.
   */
  readonly regardlessOfPassword?: boolean;
}
