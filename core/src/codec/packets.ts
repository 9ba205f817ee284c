import type { ProtocolVersion, Qos } from './packet-types.js';

/** Ordered pairs, never an object: a name such as `__proto__` is only text here, and names may repeat. */
export type UserProperties = ReadonlyArray<readonly [string, string]>;

export interface WillFields {
  topic: string;
  payload: Buffer;
  qos: Qos;
  retain: boolean;
  delaySeconds: number;
  /** -1 when the will never expires. */
  messageExpirySeconds: number;
  /** Property bytes as the client sent them, in order, without will delay and message expiry. */
  properties: Buffer;
}

/** Defaults of 5.0 are filled in; 3.x has the same defaults, but a null session expiry. */
export interface ConnectPacket {
  type: 1;
  protocolVersion: ProtocolVersion;
  cleanStart: boolean;
  keepAliveSeconds: number;
  clientId: string;
  will: WillFields | null;
  username: string | null;
  password: Buffer | null;
  sessionExpirySeconds: number | null;
  receiveMaximum: number;
  /** 0 when the client set no limit. */
  maximumPacketSize: number;
  topicAliasMaximum: number;
  requestResponseInformation: boolean;
  requestProblemInformation: boolean;
  userProperties: UserProperties;
  authenticationMethod: string | null;
  authenticationData: Buffer | null;
}

export interface AckPacket {
  type: 4 | 5 | 6 | 7;
  packetId: number;
  reasonCode: number;
}

export interface RequestedFilter {
  filter: string;
  qos: Qos;
  noLocal: boolean;
  retainAsPublished: boolean;
  retainHandling: 0 | 1 | 2;
}

export interface SubscribePacket {
  type: 8;
  packetId: number;
  /** 0 when there is none. */
  subscriptionId: number;
  filters: readonly RequestedFilter[];
  userProperties: UserProperties;
}

export interface UnsubscribePacket {
  type: 10;
  packetId: number;
  filters: readonly string[];
  userProperties: UserProperties;
}

export interface PingreqPacket {
  type: 12;
}

export interface DisconnectPacket {
  type: 14;
  reasonCode: number;
  sessionExpirySeconds: number | null;
  reasonString: string | null;
}

export interface AuthPacket {
  type: 15;
  reasonCode: number;
  method: string | null;
  data: Buffer | null;
  reasonString: string | null;
  userProperties: UserProperties;
}

export type Packet = ConnectPacket | AckPacket | SubscribePacket | UnsubscribePacket | PingreqPacket | DisconnectPacket | AuthPacket;

/** What is wrong with a packet. A value and not an exception: bad input is ordinary here. */
export interface Malformed {
  readonly type: 0;
  /** A 5.0 reason code, for 3.x too; the connection translates. */
  readonly reasonCode: number;
  /** For the log. Names fields, never quotes their content, which may be a secret. */
  readonly detail: string;
  /** With 0x84 the level that the client asked for, else 0. */
  readonly protocolLevel: number;
}
