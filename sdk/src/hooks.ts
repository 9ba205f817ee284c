import type {
  Decide,
  DecideEnhanced,
  DecideGuard,
  DecideIdentity,
  DecideRefresh,
  DecideSubscribeGuard,
  Decision,
  GiveConnectPatch,
  GivePolicy,
  GivePublishPatch,
  GiveTenant,
} from './decisions.js';
import type {
  BrokerNews,
  ClientConnectedNews,
  ClientDisconnectedNews,
  DecisionNews,
  MessageDeliveredNews,
  MessageDroppedNews,
  MessagePublishedNews,
  PolicyChangedNews,
  SessionNews,
  SubscriptionNews,
} from './news.js';
import type {
  AcceptConnectionRequest,
  AdmitClientRequest,
  AdmitIdentityRequest,
  AuthenticateEnhancedRequest,
  AuthenticateRequest,
  AuthorizeRequest,
  GuardDeliveryRequest,
  GuardPublishRequest,
  GuardRetainRequest,
  GuardSubscribeRequest,
  LoadPolicyRequest,
  NormalizeConnectRequest,
  RefreshIdentityRequest,
  ResolveTenantRequest,
  RewritePublishRequest,
  UpgradeWebSocketRequest,
} from './requests.js';

/** A question that may be answered at once or later; silence beyond the plugin's `timeoutMs` is a fault. */
export interface QuestionHook<Request, Verbs> {
  /** Registers the one handler of this plugin. Possible until `start` has settled; a second handler is an error. */
  tap(handler: (request: Request, decide: Verbs) => Decision | PromiseLike<Decision>): void;
}

/** A question that must be answered before the handler returns; a promise is a fault. */
export interface SyncQuestionHook<Request, Verbs> {
  /** Registers the one handler of this plugin. Possible until `start` has settled; a second handler is an error. */
  tap(handler: (request: Request, decide: Verbs) => Decision): void;
}

/** A hook of enhanced authentication: each method has exactly one owner. */
export interface EnhancedHook {
  /** Registers the handler for one authentication method, compared as exact text. Two owners of a method in one chain are an error. */
  tap(method: string, handler: (request: AuthenticateEnhancedRequest, decide: DecideEnhanced) => Decision | PromiseLike<Decision>): void;
}

/** News of something that has happened. It is queued and bounded: it cannot delay or change traffic, and a listener that throws is logged. */
export interface NewsHook<News> {
  /** Registers the one listener of this plugin. Possible until `start` has settled; a second one is an error. */
  tap(listener: (news: News) => void): void;
}

/** An authority that judges an action. */
export type AuthorityHook<Request> = QuestionHook<Request, Decide>;

/**
 * All moments at which the broker asks or tells its plugins. A plugin gets its own instance as `hooks`.
 *
 * For every question: a handler that throws, rejects, gives no decision that was minted for this very question, or is silent for `timeoutMs`
 * (milliseconds) is a fault. A fault never lets anything in; the log says `PCL_PLUGIN_FAULT` and names the plugin.
 */
export interface BrokerHooks {
  /**
   * Decides whether a socket may stay.
   *
   * Asked of every plugin, in the order of the file, when a socket was accepted and before a byte is read. Pass: the connection goes on. Deny
   * or fault: it is closed without a byte. Nobody answers: it goes on. Synchronous.
   *
   * Spec: 5.0 section 5.4.1; 3.1.1 section 5.4.1 (a server may refuse any network connection).
   */
  readonly acceptConnection: SyncQuestionHook<AcceptConnectionRequest, DecideGuard>;

  /**
   * Decides whether an HTTP request may become a WebSocket.
   *
   * Asked of every plugin after the path and the subprotocol `mqtt` were found right, before the upgrade is answered. Pass: upgraded. Deny:
   * HTTP 403. Fault: HTTP 503. Nobody answers: upgraded. Synchronous.
   *
   * Spec: 5.0 section 6; 3.1.1 section 6.
   */
  readonly upgradeWebSocket: SyncQuestionHook<UpgradeWebSocketRequest, DecideGuard>;

  /**
   * Gives the tenant that a client belongs to.
   *
   * Asked of every plugin in order, when a CONNECT was parsed and TLS evidence is known, before anything else. The first tenant given counts;
   * sessions, topics, retained messages and shared groups of different tenants never meet. Nobody gives one: no tenant. Fault (a malformed
   * name included): CONNACK 3 / 0x88.
   *
   * Spec: 5.0 section 3.1.4; 3.1.1 section 3.1.4.
   */
  readonly resolveTenant: QuestionHook<ResolveTenantRequest, GiveTenant>;

  /**
   * Patches client identifier, username, keep alive (seconds) or session expiry (seconds) of a CONNECT.
   *
   * Asked of every plugin in order after the tenant is known; each sees the patches of those before it. A patch is validated as if the client
   * had sent it; a patch that is not valid is a fault: CONNACK 3 / 0x88. Nobody gives one: the CONNECT stays. Synchronous.
   *
   * Spec: 5.0 section 3.1.2, 3.2.2.3.7, 3.2.2.3.14; 3.1.1 section 3.1.2.
   */
  readonly normalizeConnect: SyncQuestionHook<NormalizeConnectRequest, GiveConnectPatch>;

  /**
   * Decides whether a client may try its credentials at all: bans, rates, flapping.
   *
   * Asked of each plugin in the chain's `guards` before credentials are looked at. Every one must pass. Deny: CONNACK with the code. Fault:
   * CONNACK 3 / 0x88. Nobody taps it: the client goes on.
   *
   * Spec: 5.0 section 3.2.2.2, 4.13; 3.1.1 section 3.2.2.3.
   */
  readonly admitClient: QuestionHook<AdmitClientRequest, DecideGuard>;

  /**
   * Decides who a client is, from username and password (or none) and TLS evidence.
   *
   * Asked of each plugin in the chain's `authenticate`, in order, after the guards passed. The first answer other than skip decides. Allow:
   * the identity is the client's. Deny: CONNACK with the code. Skip: the next one is asked. Nobody answers: CONNACK 4 / 0x86. Fault: CONNACK
   * 3 / 0x88 (queue full: 3 / 0x89), and the next one is *not* asked.
   *
   * `leaseSeconds` of the answer in seconds. Errors: `BackendUnavailable` counts for the circuit breaker; every error is a fault.
   *
   * Spec: 5.0 section 3.1.4 [MQTT-3.1.4-2], 5.4.1; 3.1.1 section 3.1.4, 5.4.1.
   */
  readonly authenticate: QuestionHook<AuthenticateRequest, DecideIdentity>;

  /**
   * Decides one step of enhanced authentication, at CONNECT or as a re-authentication. Only MQTT 5.0 has it.
   *
   * Asked of the one plugin in the chain's `authenticate` that owns the method. Continue: AUTH 0x18 with the data. Allow: CONNACK (or AUTH
   * 0x00) with the data. Deny: CONNACK with the code; in a re-authentication DISCONNECT with the code. Fault: CONNACK 0x88, in a
   * re-authentication DISCONNECT 0x83. Nobody owns the method: CONNACK 0x8C. Another method in a re-authentication: DISCONNECT 0x82; another
   * identity: DISCONNECT 0x87. A client that leaves a step unanswered is refused at the chain's `deadlineMs` (milliseconds) with 0x87.
   *
   * Spec: 5.0 section 4.12, 3.15.
   */
  readonly authenticateEnhanced: EnhancedHook;

  /**
   * Confirms an identity whose lease ended.
   *
   * Asked of the plugin that allowed the identity, `leaseSeconds` (seconds) after it did. Allow: the client stays for another lease. Deny:
   * DISCONNECT with the code (3.x: the connection closes). Fault: asked again until `staleGraceMs` (milliseconds) is over, then DISCONNECT
   * 0x89. The plugin does not tap it: the lease is the greatest age of the connection; DISCONNECT 0x87.
   *
   * Spec: 5.0 section 3.14.2.1, 5.4.2; 3.1.1 section 5.4.2.
   */
  readonly refreshIdentity: QuestionHook<RefreshIdentityRequest, DecideRefresh>;

  /**
   * Decides whether an identity may be here now: quota, age of the login.
   *
   * Asked of each plugin in the chain's `guards` when the identity is known, before rights are loaded. Every one must pass. Deny: CONNACK with
   * the code. Fault: CONNACK 3 / 0x88. Nobody taps it: the client goes on.
   *
   * Spec: 5.0 section 3.2.2.2; 3.1.1 section 3.2.2.3.
   */
  readonly admitIdentity: QuestionHook<AdmitIdentityRequest, DecideGuard>;

  /**
   * Gives the rights of a client as rules.
   *
   * Asked of each plugin in the chain's `authorize`: at CONNECT after the identity is known, on an invalidation, when a policy lease ends, and
   * after a reload (`reason`). The answers together are the client's policy. Nobody gives any: the client may do nothing. Fault (a rule that
   * does not compile included): at CONNECT 3 / 0x88; later the old policy stands until `staleGraceMs` (milliseconds) is over, then
   * DISCONNECT 0x89 (3.x: the connection closes).
   *
   * `leaseSeconds` of the answer in seconds.
   *
   * Spec: 5.0 section 5.4.2; 3.1.1 section 5.4.2.
   */
  readonly loadPolicy: QuestionHook<LoadPolicyRequest, GivePolicy>;

  /**
   * Decides one publish, subscribe or receive for rights that rules cannot express.
   *
   * Asked of each plugin in the chain's `authorize` for each PUBLISH and will (`action: 'publish'`, topic alias resolved, before the message
   * is retained, routed or acknowledged), each topic filter of a SUBSCRIBE (`'subscribe'`) and each copy for a receiver (`'receive'`). Folded
   * with the rules by the chain's `combine`; if nobody allows, the answer is no. What a refusal looks like on the wire: docs/refusals.md.
   *
   * A faulted PUBLISH of QoS 1 or 2 is never acknowledged (3.x: the connection closes; 5.0: DISCONNECT 0x83), so that the client keeps it. A
   * faulted copy for a receiver is dropped and counted.
   *
   * Spec: 5.0 section 3.3, 3.4.2.1, 3.8.4, 5.4.2; 3.1.1 section 3.3.5 [MQTT-3.3.5-2].
   */
  readonly authorize: AuthorityHook<AuthorizeRequest>;

  /**
   * Refuses single messages that the rights allow: their size, form or content.
   *
   * Asked of each plugin in the chain's `guards` for each PUBLISH and will, after it was authorized. Every one must pass. Deny: as a refused
   * PUBLISH (QoS 0: dropped; 3.x: acknowledged and dropped; 5.0: PUBACK or PUBREC with the code). Fault: not acknowledged. Synchronous.
   *
   * Spec: 5.0 section 3.3.4, 3.4.2.1; 3.1.1 section 3.3.5.
   */
  readonly guardPublish: SyncQuestionHook<GuardPublishRequest, DecideGuard>;

  /**
   * Decides whether a message that asks to be retained may be.
   *
   * Asked of each plugin in the chain's `guards` after `guardPublish`, only for messages with RETAIN. Deny: delivered, not retained. Fault: not
   * delivered, not retained, not acknowledged. Synchronous.
   *
   * Spec: 5.0 section 3.3.1.3; 3.1.1 section 3.3.1.3.
   */
  readonly guardRetain: SyncQuestionHook<GuardRetainRequest, DecideGuard>;

  /**
   * Refuses single copies for one receiver.
   *
   * Asked of each plugin in the guards of the *receiver's* chain for each copy, live, retained, queued or a will. Deny or fault: that copy is
   * dropped and counted. A receiver in a chain with this hook has no proven subscriptions. Synchronous.
   *
   * Spec: 5.0 section 3.3.4; 3.1.1 section 3.3.5.
   */
  readonly guardDelivery: SyncQuestionHook<GuardDeliveryRequest, DecideGuard>;

  /**
   * Refuses a topic filter, or lowers its QoS.
   *
   * Asked of each plugin in the chain's `guards` for each topic filter that the rights allow. Every one must pass; the lowest `maxQos` is
   * granted. Deny: the filter's SUBACK code, other filters stand (MQTT 3.1: the connection closes). Fault: the same with 0x80.
   *
   * Spec: 5.0 section 3.8.4, 3.9.3; 3.1.1 section 3.8.4, 3.9.3.
   */
  readonly guardSubscribe: QuestionHook<GuardSubscribeRequest, DecideSubscribeGuard>;

  /**
   * Changes topic, payload or properties of a message before it is routed.
   *
   * Asked of every plugin in order, after the guards passed; each sees the patches of those before it. A changed topic is authorized again,
   * for the same client. A patch that is not valid is a fault: the message is neither routed nor acknowledged. Synchronous.
   *
   * Spec: 5.0 section 3.3; 3.1.1 section 3.3.
   */
  readonly rewritePublish: SyncQuestionHook<RewritePublishRequest, GivePublishPatch>;

  /** Tells that a client got its CONNACK with success. Spec: 5.0 and 3.1.1 section 3.2. */
  readonly clientConnected: NewsHook<ClientConnectedNews>;
  /** Tells that the connection of a client that had its CONNACK ended. Spec: 5.0 and 3.1.1 section 3.14. */
  readonly clientDisconnected: NewsHook<ClientDisconnectedNews>;
  /** Tells that a session began. Spec: 5.0 and 3.1.1 section 4.1. */
  readonly sessionOpened: NewsHook<SessionNews>;
  /** Tells that a client came back to its session. Spec: 5.0 section 3.1.2.4. */
  readonly sessionResumed: NewsHook<SessionNews>;
  /** Tells that a newer connection took a session over from a living one. Spec: 5.0 section 3.1.4 [MQTT-3.1.4-3]. */
  readonly sessionTakenOver: NewsHook<SessionNews>;
  /** Tells that a session ended and its state is gone. Spec: 5.0 section 3.1.2.11.2. */
  readonly sessionExpired: NewsHook<SessionNews>;
  /** Tells that a topic filter was granted. Spec: 5.0 and 3.1.1 section 3.8.4. */
  readonly subscribed: NewsHook<SubscriptionNews>;
  /** Tells that a subscription was removed by its client. Spec: 5.0 and 3.1.1 section 3.10.4. */
  readonly unsubscribed: NewsHook<SubscriptionNews>;
  /** Tells that a message was accepted and routed. Spec: 5.0 and 3.1.1 section 3.3. */
  readonly messagePublished: NewsHook<MessagePublishedNews>;
  /** Tells that a copy of a message was written towards a receiver. Spec: 5.0 and 3.1.1 section 3.3. */
  readonly messageDelivered: NewsHook<MessageDeliveredNews>;
  /** Tells that a message, or a copy of it, was dropped, and why. Spec: 5.0 section 4.13. */
  readonly messageDropped: NewsHook<MessageDroppedNews>;
  /** Tells that rights changed. Spec: 5.0 section 5.4.2. */
  readonly policyChanged: NewsHook<PolicyChangedNews>;
  /** Tells what was decided about a client, and by whom. Never holds a secret. Spec: 5.0 section 5.4. */
  readonly decisionMade: NewsHook<DecisionNews>;
  /** Tells that all listeners are bound. */
  readonly brokerReady: NewsHook<BrokerNews>;
  /** Tells that the broker is about to disconnect its clients and stop. */
  readonly brokerStopping: NewsHook<BrokerNews>;
}

/** Name of a hook. */
export type HookName = keyof BrokerHooks;

/** Names of the hooks that authorities answer, and so of the keys of `decides`. */
export type AuthorityHookName = 'authenticate' | 'authenticateEnhanced' | 'refreshIdentity' | 'authorize';

/** What an authority may say; `continue` only for `authenticateEnhanced`, which in turn has no skip. */
export type AuthorityAnswer = 'allow' | 'deny' | 'skip' | 'continue';
