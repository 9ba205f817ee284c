import type { ClientInfo, IdentifiedRequest } from './requests.js';
import type { RuleAction } from './rules.js';

/** A client was accepted. */
export interface ClientConnectedNews extends IdentifiedRequest {
  /** Whether the client came back to a session that it had. */
  readonly sessionPresent: boolean;
}

/** The connection of a client that was accepted ended, and why. */
export interface ClientDisconnectedNews extends IdentifiedRequest {
  /** Reason code of MQTT 5.0: 0 for a DISCONNECT of the client, else why the connection ended. */
  readonly reasonCode: number;
  /** Stable code `PCL_…` of the error that ended the connection, or null. */
  readonly error: string | null;
}

/** The session that something happened to. */
export interface SessionNews {
  /** Client identifier of the session. */
  readonly clientId: string;
  /** Tenant of the session; null for none. */
  readonly tenant: string | null;
  /** Username of the owner; null for an anonymous one. */
  readonly owner: string | null;
}

/** A subscription that was made or removed. */
export interface SubscriptionNews extends SessionNews {
  /** Topic filter as the client sent it, with `$share/<group>/`. */
  readonly filter: string;
  /** Granted QoS; for `unsubscribed` the QoS that was granted. */
  readonly qos: 0 | 1 | 2;
}

/** A message that was accepted and routed. */
export interface MessagePublishedNews {
  /** Who published: client identifier, `plugin/<name>`, or the client identifier of a will. */
  readonly publisher: string;
  /** Tenant of the publisher; null for none. */
  readonly tenant: string | null;
  /** Topic name, as routed. */
  readonly topic: string;
  /** QoS of the PUBLISH. */
  readonly qos: 0 | 1 | 2;
  /** Whether the message asked to be retained. */
  readonly retain: boolean;
  /** Length of the payload in bytes. */
  readonly payloadBytes: number;
  /** A copy of the payload. */
  readonly payload: Uint8Array;
}

/** A copy of a message that was written towards a receiver. */
export interface MessageDeliveredNews {
  /** Client identifier of the receiver. */
  readonly clientId: string;
  /** Tenant of the receiver; null for none. */
  readonly tenant: string | null;
  /** Topic name. */
  readonly topic: string;
  /** QoS of the copy. */
  readonly qos: 0 | 1 | 2;
  /** RETAIN of the copy. */
  readonly retain: boolean;
  /** Length of the payload in bytes. */
  readonly payloadBytes: number;
}

/** Why a message, or one copy of it, was dropped. */
export type DropReason =
  | 'not-authorized'
  | 'guard'
  | 'fault'
  | 'queue-full'
  | 'slow-consumer'
  | 'expired'
  | 'too-large'
  | 'session-ended'
  | 'no-group-member'
  | 'packet-identifiers';

/** Messages, or copies for one receiver, that were dropped, and why. */
export interface MessageDroppedNews {
  /** Receiver whose copy was dropped; null when the whole message was. */
  readonly clientId: string | null;
  /** Tenant of the message; null for none. */
  readonly tenant: string | null;
  /** Topic name. */
  readonly topic: string;
  readonly reason: DropReason;
  /** How many messages, or copies. */
  readonly count: number;
}

/** Whose rights changed, and how many clients that concerns. */
export interface PolicyChangedNews {
  /** Name of the entry whose rights changed. */
  readonly plugin: string;
  /** Version that was announced; null where none was. */
  readonly version: number | string | null;
  /** How many connected clients are concerned. */
  readonly clients: number;
}

/** What was decided about a client. Holds no password, and of a message nothing but its topic. */
export interface DecisionNews {
  /** Hook at which it was decided, or `connect` and `session` where the broker itself did. */
  readonly hook: string;
  /** Name of the plugin that decided, by its code or by a rule of its; null when nobody did. */
  readonly plugin: string | null;
  /** How it ended. */
  readonly outcome: 'allow' | 'deny' | 'fault';
  /** The client; null where there is none yet. */
  readonly client: ClientInfo | null;
  /** Username as the client gave it, or of its identity; null for none. */
  readonly username: string | null;
  /** What was asked for. */
  readonly action: RuleAction | 'connect' | 'refresh' | null;
  /** Topic name or topic filter; null where it was about neither. */
  readonly topic: string | null;
  /** Where the deciding rule comes from, or null. */
  readonly rule: string | null;
  /** Reason code of MQTT 5.0 that stands for the answer. */
  readonly reasonCode: number;
}

/** What became of one CONNECT that guards and authorities were asked about. Holds no secret. */
export interface ConnectDecidedNews {
  /** Hook at which it was decided, or `connect` and `session` where the broker itself did; `connect` for a client that did not wait. */
  readonly hook: string;
  /** Name of the plugin that decided; null when nobody did. */
  readonly plugin: string | null;
  /** How it ended; `abandoned` when the client had gone before anything was decided. */
  readonly outcome: 'allow' | 'deny' | 'fault' | 'abandoned';
  readonly client: ClientInfo;
  /** Username as the client gave it, or of its identity; null for none. */
  readonly username: string | null;
  /** Reason code of MQTT 5.0 that stands for the answer; 0 for `abandoned`. */
  readonly reasonCode: number;
}

/** The broker as a whole. */
export interface BrokerNews {
  /** Names and addresses of the listeners. */
  readonly listeners: ReadonlyArray<{ readonly name: string; readonly url: string }>;
}
