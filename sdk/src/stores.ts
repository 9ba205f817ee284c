/** A message as stores keep it. Stored once, whatever the number of sessions that refer to it. */
export interface StoredMessage {
  /** A number, unique in the life of the store; sessions refer to it. */
  readonly id: number;
  /** Topic name. */
  readonly topic: string;
  /** Not to be changed: others may hold the same bytes. */
  readonly payload: Uint8Array;
  /** QoS of the PUBLISH. */
  readonly qos: 0 | 1 | 2;
  /** RETAIN of the PUBLISH. */
  readonly retain: boolean;
  /** Forwardable property bytes of 5.0 section 3.3.2.3 (without topic alias, expiry, subscription identifiers), or null. */
  readonly properties: Uint8Array | null;
  /** Milliseconds since the epoch at which the message expires, or null. */
  readonly expiresAt: number | null;
  /** Client identifier of the publisher, `plugin/<entry>` for a plugin. */
  readonly publisherClientId: string;
  /** Username of the publisher; null for an anonymous one. */
  readonly publisher: string | null;
}

/** Names a session: its tenant ('' for none) and client identifier. */
export interface SessionKey {
  /** Empty for none. */
  readonly tenant: string;
  /** Client identifier. */
  readonly clientId: string;
}

/** A subscription as stores keep it. */
export interface StoredSubscription {
  /** Topic filter as subscribed, with `$share/<group>/`. */
  readonly filter: string;
  /** Granted QoS. */
  readonly qos: 0 | 1 | 2;
  /** Whether the client does not get what it publishes itself. */
  readonly noLocal: boolean;
  /** Whether copies keep RETAIN. */
  readonly retainAsPublished: boolean;
  /** The number of the SUBSCRIBE's options: 0, 1 or 2. */
  readonly retainHandling: 0 | 1 | 2;
  /** Subscription identifier of MQTT 5.0; 0 for none. */
  readonly subscriptionId: number;
}

/** One durable change of a session. Changes of all sessions form one sequence, and each is applied after those before it. */
export type SessionChange =
  | { readonly kind: 'opened'; readonly session: SessionKey; readonly owner: string | null; readonly expirySeconds: number }
  | { readonly kind: 'closed'; readonly session: SessionKey; readonly expirySeconds: number; readonly at: number }
  | { readonly kind: 'removed'; readonly session: SessionKey }
  | { readonly kind: 'subscribed'; readonly session: SessionKey; readonly subscription: StoredSubscription }
  | { readonly kind: 'unsubscribed'; readonly session: SessionKey; readonly filter: string }
  | {
      readonly kind: 'queued';
      readonly session: SessionKey;
      /** Position in the session's queue; grows. */
      readonly sequence: number;
      readonly qos: 1 | 2;
      readonly retain: boolean;
      readonly subscriptionIds: readonly number[];
      readonly message: StoredMessage;
    }
  | { readonly kind: 'sent'; readonly session: SessionKey; readonly sequence: number; readonly packetId: number }
  /** PUBREC came: only the packet identifier is still owed, until PUBCOMP. */
  | { readonly kind: 'released'; readonly session: SessionKey; readonly sequence: number; readonly packetId: number }
  | { readonly kind: 'settled'; readonly session: SessionKey; readonly sequence: number }
  /** A QoS 2 message of the client that waits for its PUBREL. */
  | { readonly kind: 'received'; readonly session: SessionKey; readonly packetId: number; readonly message: StoredMessage }
  | { readonly kind: 'completed'; readonly session: SessionKey; readonly packetId: number };

/** What is common to stores: changes in one sequence, settled in order. */
export interface Journal<Change> {
  /**
   * Takes a change and returns its place in the sequence: a whole number, greater than every one before it. Called synchronously and in order;
   * must not block. Throws when it cannot take the change (full, failed): the broker then acknowledges nothing that depends on it.
   */
  append(change: Change): number;
  /** Every change up to and including this place is safe: for a store that writes to disk, fdatasync has returned. */
  readonly settled: number;
  /** Registers the one listener that is called whenever `settled` has grown, or the store failed. */
  onProgress(listener: () => void): void;
  /** Why nothing will be settled any more, or null. Final. */
  readonly failure: Error | null;
}

/** Where durable sessions live. The broker keeps acknowledgements back until the changes behind them are settled. */
export interface SessionStore extends Journal<SessionChange> {
  /** For the log. */
  readonly name: string;
  /** Called when the broker stops, after the last change. */
  close(): Promise<void>;
}

/** One change of the retained messages. */
export type RetainedChange =
  | { readonly kind: 'set'; readonly tenant: string; readonly message: StoredMessage }
  | { readonly kind: 'cleared'; readonly tenant: string; readonly topic: string };

/** Where retained messages live. */
export interface RetainedStore extends Journal<RetainedChange> {
  /** For the log. */
  readonly name: string;
  /** Called when the broker stops, after the last change. */
  close(): Promise<void>;
}
