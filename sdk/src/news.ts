import type { ClientInfo, IdentifiedRequest } from './requests.js';
import type { RuleAction } from './rules.js';

export interface ClientConnectedNews extends IdentifiedRequest {
  readonly sessionPresent: boolean;
}

export interface ClientDisconnectedNews extends IdentifiedRequest {
  /** Reason code of MQTT 5.0: 0 for a DISCONNECT of the client, else why the connection ended. */
  readonly reasonCode: number;
  /** Stable code `PCL_…` of the error that ended the connection, or null. */
  readonly error: string | null;
}

export interface SessionNews {
  readonly clientId: string;
  readonly tenant: string | null;
  /** Username of the owner; null for an anonymous one. */
  readonly owner: string | null;
}

export interface SubscriptionNews extends SessionNews {
  /** Topic filter as the client sent it, with `$share/<group>/`. */
  readonly filter: string;
  /** Granted QoS; for `unsubscribed` the QoS that was granted. */
  readonly qos: 0 | 1 | 2;
}

export interface MessagePublishedNews {
  /** Who published: client identifier, `plugin/<name>`, or the client identifier of a will. */
  readonly publisher: string;
  readonly tenant: string | null;
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly payloadBytes: number;
  /** A copy of the payload. */
  readonly payload: Uint8Array;
}

export interface MessageDeliveredNews {
  readonly clientId: string;
  readonly tenant: string | null;
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
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

export interface MessageDroppedNews {
  /** Receiver whose copy was dropped; null when the whole message was. */
  readonly clientId: string | null;
  readonly tenant: string | null;
  readonly topic: string;
  readonly reason: DropReason;
  readonly count: number;
}

export interface PolicyChangedNews {
  readonly plugin: string;
  readonly version: number | string | null;
  /** How many connected clients are concerned. */
  readonly clients: number;
}

export interface DecisionNews {
  readonly hook: string;
  /** Name of the plugin that decided, by its code or by a rule of its; null when nobody did. */
  readonly plugin: string | null;
  readonly outcome: 'allow' | 'deny' | 'fault';
  readonly client: ClientInfo | null;
  readonly username: string | null;
  readonly action: RuleAction | 'connect' | 'refresh' | null;
  readonly topic: string | null;
  /** Where the deciding rule comes from, or null. */
  readonly rule: string | null;
  /** Reason code of MQTT 5.0 that stands for the answer. */
  readonly reasonCode: number;
}

export interface BrokerNews {
  /** Names and addresses of the listeners. */
  readonly listeners: ReadonlyArray<{ readonly name: string; readonly url: string }>;
}
