import type { NewsHook } from './hook-kinds.js';
import type {
  BrokerNews,
  ClientConnectedNews,
  ClientDisconnectedNews,
  ConnectDecidedNews,
  DecisionNews,
  MessageDeliveredNews,
  MessageDroppedNews,
  MessagePublishedNews,
  PolicyChangedNews,
  SessionNews,
  SubscriptionNews,
} from './news.js';

/** News of what has happened. */
export interface NewsHooks {
  /**
   * Tells that a client was accepted.
   *
   * Told when its CONNACK with success was written.
   *
   * Units: those of `client`.
   *
   * Spec: 5.0 section 3.2; 3.1.1 section 3.2.
   */
  readonly clientConnected: NewsHook<ClientConnectedNews>;

  /**
   * Tells that the connection of a client that was accepted ended.
   *
   * Told when it was closed, whoever closed it, and before its session expires or its will is published.
   *
   * Units: `reasonCode` is one of MQTT 5.0, for clients of every version.
   *
   * Spec: 5.0 section 3.14, 4.13; 3.1.1 section 3.14, 4.8.
   */
  readonly clientDisconnected: NewsHook<ClientDisconnectedNews>;

  /**
   * Tells that a session began.
   *
   * Told when it was made for a client that was accepted, before its CONNACK is written.
   *
   * Units: none.
   *
   * Spec: 5.0 section 4.1; 3.1.1 section 4.1.
   */
  readonly sessionOpened: NewsHook<SessionNews>;

  /**
   * Tells that a client came back to its session.
   *
   * Told when the session has its new connection, before the CONNACK is written and anything is sent again.
   *
   * Units: none.
   *
   * Spec: 5.0 section 3.1.2.4, 4.1; 3.1.1 section 3.1.2.4, 4.1.
   */
  readonly sessionResumed: NewsHook<SessionNews>;

  /**
   * Tells that a newer connection takes a session over from a living one.
   *
   * Told when the newer client was accepted, before the older connection is ended (5.0: DISCONNECT 0x8E; 3.x: close).
   *
   * Units: none.
   *
   * Spec: 5.0 section 3.1.4 [MQTT-3.1.4-3]; 3.1.1 section 3.1.4.
   */
  readonly sessionTakenOver: NewsHook<SessionNews>;

  /**
   * Tells that a session ended and its state is gone.
   *
   * Told when its expiry was over, a clean start replaced it or somebody released it, after its will, if one was waiting, was handed on.
   *
   * Units: none.
   *
   * Spec: 5.0 section 3.1.2.11.2; 3.1.1 section 3.1.2.4.
   */
  readonly sessionExpired: NewsHook<SessionNews>;

  /**
   * Tells that a subscription was made.
   *
   * Told for each topic filter that was granted, before the SUBACK and retained messages are sent.
   *
   * Units: `qos` 0 to 2, as granted.
   *
   * Spec: 5.0 section 3.8.4; 3.1.1 section 3.8.4.
   */
  readonly subscribed: NewsHook<SubscriptionNews>;

  /**
   * Tells that a subscription was removed.
   *
   * Told for each topic filter of an UNSUBSCRIBE that was subscribed to, and for one whose right did not return within the chain's
   * `revokedGraceSeconds`; not for those that end with their session.
   *
   * Units: `qos` 0 to 2, as it was granted.
   *
   * Spec: 5.0 section 3.10.4; 3.1.1 section 3.10.4.
   */
  readonly unsubscribed: NewsHook<SubscriptionNews>;

  /**
   * Tells that a message was accepted and routed.
   *
   * Told for each PUBLISH (QoS 2: at its PUBREL), will and message of a plugin, when it was handed to the sessions of its receivers.
   *
   * Units: `payloadBytes` in bytes; `qos` 0 to 2.
   *
   * Spec: 5.0 section 3.3; 3.1.1 section 3.3.
   */
  readonly messagePublished: NewsHook<MessagePublishedNews>;

  /**
   * Tells that a copy of a message was written towards a receiver.
   *
   * Told for each copy when it was handed to the connection; whether the client received it, no broker knows before it acknowledges.
   *
   * Units: `payloadBytes` in bytes; `qos` 0 to 2.
   *
   * Spec: 5.0 section 3.3; 3.1.1 section 3.3.
   */
  readonly messageDelivered: NewsHook<MessageDeliveredNews>;

  /**
   * Tells that a message, or a copy of it, was dropped, and why.
   *
   * Told when it was dropped; several of one topic may be told of at once.
   *
   * Units: `count` in messages, or in copies where `clientId` names a receiver.
   *
   * Spec: 5.0 section 3.3.4, 4.13; 3.1.1 section 3.3.5.
   */
  readonly messageDropped: NewsHook<MessageDroppedNews>;

  /**
   * Tells that rights changed.
   *
   * Told when a plugin changed its templates, which are in force by then, or invalidated rights, which are then being loaded again.
   *
   * Units: `clients` counts connected clients.
   *
   * Spec: 5.0 section 5.4.2; 3.1.1 section 5.4.2.
   */
  readonly policyChanged: NewsHook<PolicyChangedNews>;

  /**
   * Tells what was decided about a client, and by whom. Never holds a secret.
   *
   * Told when a CONNECT, a refresh of identity or rights or a topic filter was decided, for each publish that was refused, and for those that were
   * allowed where code or guards were asked; not for what rules alone allowed, nor for copies to receivers.
   *
   * Units: `reasonCode` is one of MQTT 5.0, for clients of every version.
   *
   * Spec: 5.0 section 5.4; 3.1.1 section 5.4.
   */
  readonly decisionMade: NewsHook<DecisionNews>;

  /**
   * Tells what became of a CONNECT, and nothing else: unlike `decisionMade` it costs nothing when messages are published. Never holds a secret.
   *
   * Told when a CONNECT was allowed or refused, and when its client left before that. One that was allowed and then gets no session is told of twice.
   *
   * Units: `reasonCode` is one of MQTT 5.0, for clients of every version.
   *
   * Spec: 5.0 section 3.1.4, 3.2.2.2; 3.1.1 section 3.1.4, 3.2.2.3.
   */
  readonly connectDecided: NewsHook<ConnectDecidedNews>;

  /**
   * Tells that the broker serves.
   *
   * Told when all listeners are bound.
   *
   * Units: none.
   *
   * Spec: none.
   */
  readonly brokerReady: NewsHook<BrokerNews>;

  /**
   * Tells that the broker is about to stop.
   *
   * Told before it disconnects its clients; what waits in the queue of news is still told before the plugins are stopped.
   *
   * Units: none.
   *
   * Spec: 5.0 section 3.14.2.1 (0x8B); 3.1.1 has none.
   */
  readonly brokerStopping: NewsHook<BrokerNews>;
}
