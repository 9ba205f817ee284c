/**
 * Why a plugin refuses, in one word. The core turns each word into the reason code that the packet at hand may carry.
 *
 * `bad-credentials`: unknown user or wrong proof; `not-authorized`: known, but may not; `banned`: shut out by an administrator or a rule;
 * `rate`: too often, later again; `quota`: an allowance is used up; `busy`: the broker or a backend has no room now.
 */
export type DenyWord = 'bad-credentials' | 'not-authorized' | 'banned' | 'rate' | 'quota' | 'busy';

/**
 * A reason for a refusal: a {@link DenyWord}, or a reason code of MQTT 5.0 as a number from 0x80 to 0xFF.
 *
 * A number below 0x80 is no refusal and makes the answer a fault. A code that the packet at hand may not carry is sent as 0x87.
 */
export type DenyReason = DenyWord | number;

/** Every deny word, for checks and tables. */
export const DENY_WORDS: readonly DenyWord[] = ['bad-credentials', 'not-authorized', 'banned', 'rate', 'quota', 'busy'];

/** The reason codes of MQTT 5.0 by name (5.0 section 2.4). */
export const ReasonCode = {
  Success: 0x00,
  GrantedQos1: 0x01,
  GrantedQos2: 0x02,
  DisconnectWithWill: 0x04,
  NoMatchingSubscribers: 0x10,
  NoSubscriptionExisted: 0x11,
  ContinueAuthentication: 0x18,
  ReAuthenticate: 0x19,
  UnspecifiedError: 0x80,
  MalformedPacket: 0x81,
  ProtocolError: 0x82,
  ImplementationSpecificError: 0x83,
  UnsupportedProtocolVersion: 0x84,
  ClientIdentifierNotValid: 0x85,
  BadUserNameOrPassword: 0x86,
  NotAuthorized: 0x87,
  ServerUnavailable: 0x88,
  ServerBusy: 0x89,
  Banned: 0x8a,
  ServerShuttingDown: 0x8b,
  BadAuthenticationMethod: 0x8c,
  KeepAliveTimeout: 0x8d,
  SessionTakenOver: 0x8e,
  TopicFilterInvalid: 0x8f,
  TopicNameInvalid: 0x90,
  PacketIdentifierInUse: 0x91,
  PacketIdentifierNotFound: 0x92,
  ReceiveMaximumExceeded: 0x93,
  TopicAliasInvalid: 0x94,
  PacketTooLarge: 0x95,
  MessageRateTooHigh: 0x96,
  QuotaExceeded: 0x97,
  AdministrativeAction: 0x98,
  PayloadFormatInvalid: 0x99,
  RetainNotSupported: 0x9a,
  QosNotSupported: 0x9b,
  UseAnotherServer: 0x9c,
  ServerMoved: 0x9d,
  SharedSubscriptionsNotSupported: 0x9e,
  ConnectionRateExceeded: 0x9f,
  MaximumConnectTime: 0xa0,
  SubscriptionIdentifiersNotSupported: 0xa1,
  WildcardSubscriptionsNotSupported: 0xa2,
} as const;
