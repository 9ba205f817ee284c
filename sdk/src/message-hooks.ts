import type { DecideGuard, DecideSubscribeGuard, GivePublishPatch } from './decisions.js';
import type { AuthorityHook, QuestionHook, SyncQuestionHook } from './hook-kinds.js';
import type {
  AuthorizeRequest,
  GuardDeliveryRequest,
  GuardPublishRequest,
  GuardRetainRequest,
  GuardSubscribeRequest,
  RewritePublishRequest,
} from './requests.js';

/** Questions about what a client that was accepted does: messages, copies and topic filters. */
export interface MessageHooks {
  /**
   * Decides one publish, subscribe or receive for rights that rules cannot express.
   *
   * Asked of each plugin in the chain's `authorize`, in order: for each PUBLISH (`action: 'publish'`, topic alias resolved, before the message is
   * retained, routed or acknowledged) and for QoS 2 again at its PUBREL; for a will at CONNECT and when it is published; for each topic filter of a
   * SUBSCRIBE (`'subscribe'`), and again when rights have changed or the session is resumed; for each copy for a receiver (`'receive'`). When rights
   * have changed it is asked about messages that their publisher has retained, too.
   *
   * Allow, deny and skip are folded with the rules by the chain's `combine`. Allow: permitted, unless somebody denies (`"deny-overrides"`) or denied
   * before (`"first-match"`). Deny: refused with the code of the reason; docs/refusals.md has what that looks like. Skip: no opinion.
   *
   * Nobody answers, or all skip: the rules decide; what they do not allow is refused as `not-authorized`.
   *
   * Units: `qos` 0 to 2; `timeoutMs` and `deadlineMs` in milliseconds.
   *
   * Errors: a throw, a rejection, no decision, an answer that `decides` does not list or silence for `timeoutMs` is a fault. A faulted PUBLISH of
   * QoS 1 or 2 is never acknowledged (3.x: the connection closes; 5.0: DISCONNECT 0x83), so that the client keeps it; one of QoS 0 is dropped; a
   * faulted topic filter is answered with 0x80; a faulted copy for a receiver is dropped and counted; a faulted
   * topic filter that was granted before is suspended, and the connection ends after `staleGraceMs`; a faulted will refuses the CONNECT with
   * 3 / 0x88.
   *
   * Spec: 5.0 section 3.3, 3.4.2.1, 3.8.4, 5.4.2; 3.1.1 section 3.3.5 [MQTT-3.3.5-2].
   */
  readonly authorize: AuthorityHook<AuthorizeRequest>;

  /**
   * Refuses single messages that the rights allow: their size, form or content.
   *
   * Asked of each plugin in the chain's `guards`, in order, for each PUBLISH when it was authorized, and for a will when it is published.
   * Synchronous.
   *
   * Pass: the next guard is asked; all must let pass. Deny: QoS 0 is dropped; 3.x is acknowledged and the message dropped (with `"denyPublish":
   * "close"` the connection closes); 5.0 gets PUBACK or PUBREC with the code of the reason.
   *
   * Nobody answers: the message goes on to `rewritePublish`.
   *
   * Units: `messageExpirySeconds` in seconds; `payload` in bytes.
   *
   * Errors: a throw, a promise or no decision is a fault: the message is not routed, and QoS 1 and 2 are not acknowledged (3.x: the connection
   * closes; 5.0: DISCONNECT 0x83, or PUBACK or PUBREC 0x83 with `"publishFault": "refuse"`).
   *
   * Spec: 5.0 section 3.3.4, 3.4.2.1; 3.1.1 section 3.3.5.
   */
  readonly guardPublish: SyncQuestionHook<GuardPublishRequest, DecideGuard>;

  /**
   * Decides whether a message that asks to be retained may be.
   *
   * Asked of each plugin in the chain's `guards`, in order, only for messages with RETAIN, as the last question before the message is routed: when it
   * was authorized, guarded and rewritten. Synchronous.
   *
   * Pass: the next guard is asked; when all let pass, the message is retained and delivered. Deny: it is delivered, acknowledged and not retained;
   * the client is not told.
   *
   * Nobody answers: retained.
   *
   * Units: `messageExpirySeconds` in seconds; `payload` in bytes.
   *
   * Errors: a throw, a promise or no decision is a fault: neither delivered nor retained, and not acknowledged (3.x: the connection closes; 5.0:
   * DISCONNECT 0x83, or PUBACK or PUBREC 0x83 with `"publishFault": "refuse"`).
   *
   * Spec: 5.0 section 3.3.1.3; 3.1.1 section 3.3.1.3.
   */
  readonly guardRetain: SyncQuestionHook<GuardRetainRequest, DecideGuard>;

  /**
   * Refuses single copies for one receiver.
   *
   * Asked of each plugin in the guards of the *receiver's* chain, in order, for each copy, live, retained, queued or a will, when the receiver's
   * rights allow it and before it is sent or queued. Receivers in a chain with this hook have no proven subscriptions. Synchronous.
   *
   * Pass: the next guard is asked; when all let pass, the copy is sent. Deny: that copy is dropped and counted, whatever the reason says; other
   * receivers get theirs, and the publisher notices nothing.
   *
   * Nobody answers: the copy is sent.
   *
   * Units: `messageExpirySeconds` in seconds, what is left of it; `payload` in bytes.
   *
   * Errors: a throw, a promise or no decision is a fault: that copy is dropped and counted, as for a denial.
   *
   * Spec: 5.0 section 3.3.4; 3.1.1 section 3.3.5.
   */
  readonly guardDelivery: SyncQuestionHook<GuardDeliveryRequest, DecideGuard>;

  /**
   * Refuses a topic filter, or lowers its QoS.
   *
   * Asked of each plugin in the chain's `guards`, in order, for each topic filter that the rights allow, before any filter of the SUBSCRIBE takes
   * effect.
   *
   * Pass: the next guard is asked; all must let pass, and the lowest `maxQos` is granted. Deny: the filter gets the SUBACK code of the reason, other
   * filters stand (MQTT 3.1 has no code for it: the connection closes, and nothing of that packet takes effect).
   *
   * Nobody answers: granted as the rights allow it.
   *
   * Units: `qos` and `maxQos` 0 to 2; `timeoutMs` and `deadlineMs` in milliseconds.
   *
   * Errors: a throw, a rejection, no decision, a `maxQos` that is none or silence for `timeoutMs` is a fault: as a denial, with 0x80.
   *
   * Spec: 5.0 section 3.8.4, 3.9.3; 3.1.1 section 3.8.4, 3.9.3.
   */
  readonly guardSubscribe: QuestionHook<GuardSubscribeRequest, DecideSubscribeGuard>;

  /**
   * Changes topic, payload or properties of a message before it is routed.
   *
   * Asked of every plugin, in the order of the file, when `guardPublish` has let the message pass and before `guardRetain`; each sees the patches of
   * those before it. Synchronous.
   *
   * Patch: its fields take the place of the message's; a changed topic is authorized again, for the same client, and refused like any other if it may
   * not be published to. Nothing: the message stays as it is.
   *
   * Nobody answers: the message stays as it is.
   *
   * Units: `messageExpirySeconds` in seconds; `payload` in bytes, at most `limits.maxPacketBytes`.
   *
   * Errors: a throw, a promise, no decision, or a patch that a client could not have sent is a fault: not routed and not acknowledged (3.x: the
   * connection closes; 5.0: DISCONNECT 0x83, or PUBACK or PUBREC 0x83 with `"publishFault": "refuse"`); QoS 0 is dropped.
   *
   * Spec: 5.0 section 3.3; 3.1.1 section 3.3.
   */
  readonly rewritePublish: SyncQuestionHook<RewritePublishRequest, GivePublishPatch>;
}
