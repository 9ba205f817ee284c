import type { DecideGuard, DecideIdentity, DecideRefresh, GiveConnectPatch, GivePolicy, GiveTenant } from './decisions.js';
import type { EnhancedHook, QuestionHook, SyncQuestionHook } from './hook-kinds.js';
import type {
  AcceptConnectionRequest,
  AdmitClientRequest,
  AdmitIdentityRequest,
  AuthenticateRequest,
  LoadPolicyRequest,
  NormalizeConnectRequest,
  RefreshIdentityRequest,
  ResolveTenantRequest,
  UpgradeWebSocketRequest,
} from './requests.js';

/** Questions about a connection, from its socket to the rights of its client. In the order in which they are asked. */
export interface ConnectHooks {
  /**
   * Decides whether a socket may stay.
   *
   * Asked of every plugin, in the order of the file, when a socket was accepted and its PROXY header, if one must be, was read: before the TLS
   * handshake and before a byte of MQTT or HTTP. Synchronous.
   *
   * Pass: the next one is asked; when all let pass, the connection goes on. Deny: it is closed without a byte, whatever the reason says.
   *
   * Nobody answers: the connection goes on.
   *
   * Units: none.
   *
   * Errors: a throw, a promise or no decision is a fault: the socket is closed without a byte, and the log says PCL_PLUGIN_FAULT.
   *
   * Spec: 5.0 section 5.4.1; 3.1.1 section 5.4.1: a server may refuse any network connection.
   */
  readonly acceptConnection: SyncQuestionHook<AcceptConnectionRequest, DecideGuard>;

  /**
   * Decides whether an HTTP request may become a WebSocket.
   *
   * Asked of every plugin, in the order of the file, when path, `Origin` and the subprotocol `mqtt` were found right, before the upgrade is
   * answered. Synchronous.
   *
   * Pass: the next one is asked; when all let pass, the upgrade is answered. Deny: HTTP 403, whatever the reason says.
   *
   * Nobody answers: upgraded.
   *
   * Units: none.
   *
   * Errors: a throw, a promise or no decision is a fault: HTTP 503, and the log says PCL_PLUGIN_FAULT.
   *
   * Spec: 5.0 section 6; 3.1.1 section 6.
   */
  readonly upgradeWebSocket: SyncQuestionHook<UpgradeWebSocketRequest, DecideGuard>;

  /**
   * Gives the tenant that a client belongs to.
   *
   * Asked of every plugin, in the order of the file, when a CONNECT was parsed and TLS evidence is known, before anything else is asked about it.
   *
   * Tenant: it counts, and nobody further is asked; sessions, topics, retained messages and shared groups of different tenants never meet.
   * Where plugins.json has `tenants`, one that it does not have, or not for this listener, is refused as bad credentials: CONNACK 4 / 0x86. Its
   * chain judges the client from here on. Nothing: the next one is asked.
   *
   * Nobody answers: the `tenant` of the listener says it, and a client that has none by it is refused as above; without one, the client belongs
   * to no tenant.
   *
   * Units: `timeoutMs` and `deadlineMs` in milliseconds; a name has at most 64 characters.
   *
   * Errors: a throw, a rejection, no decision, silence for `timeoutMs` or a malformed name is a fault: CONNACK 3 / 0x88, from overload 3 / 0x89.
   *
   * Spec: 5.0 section 3.1.4; 3.1.1 section 3.1.4.
   */
  readonly resolveTenant: QuestionHook<ResolveTenantRequest, GiveTenant>;

  /**
   * Patches client identifier, username, keep alive or session expiry of a CONNECT.
   *
   * Asked of every plugin, in the order of the file, when the tenant is known and before any guard or authority; each sees the patches of those
   * before it. Synchronous.
   *
   * Patch: its fields take the place of the client's, as if the client had sent them; a 5.0 client is told in its CONNACK what is not as it asked.
   * Nothing: the CONNECT stays as it is.
   *
   * Nobody answers: the CONNECT stays as it is.
   *
   * Units: `keepAliveSeconds` and `sessionExpirySeconds` in seconds; `sessions.maxExpirySeconds` still bounds the latter.
   *
   * Errors: a throw, a promise, no decision, or a patch that a client could not have sent is a fault: CONNACK 3 / 0x88.
   *
   * Spec: 5.0 section 3.1.2, 3.2.2.3.2, 3.2.2.3.7, 3.2.2.3.14; 3.1.1 section 3.1.2.
   */
  readonly normalizeConnect: SyncQuestionHook<NormalizeConnectRequest, GiveConnectPatch>;

  /**
   * Decides whether a client may try its credentials at all: bans, rates, flapping.
   *
   * Asked of each plugin in the chain's `guards`, in order, when tenant and patches are known and before credentials are looked at.
   *
   * Pass: the next guard is asked; all must let pass. Deny: CONNACK with the code of the reason, then closed.
   *
   * Nobody answers: the client goes on to `authenticate`.
   *
   * Units: `timeoutMs` and `deadlineMs` in milliseconds.
   *
   * Errors: a throw, a rejection, no decision or silence for `timeoutMs` is a fault: CONNACK 3 / 0x88, from overload 3 / 0x89.
   *
   * Spec: 5.0 section 3.2.2.2, 4.13; 3.1.1 section 3.2.2.3.
   */
  readonly admitClient: QuestionHook<AdmitClientRequest, DecideGuard>;

  /**
   * Decides who a client is, from username and password (or none) and TLS evidence.
   *
   * Asked of each plugin in the chain's `authenticate`, in order, when the guards have let the client pass. A CONNECT without a username and one
   * without a password are asked about too; one with an authentication method goes to `authenticateEnhanced` instead.
   *
   * Allow: the identity is the client's, and nobody further is asked. Deny: CONNACK with the code of the reason, then closed. Skip: the next one is
   * asked.
   *
   * Nobody answers, or all skip: CONNACK 4 / 0x86, as for a wrong password.
   *
   * Units: `leaseSeconds` of the answer in seconds; `timeoutMs` and `deadlineMs` in milliseconds.
   *
   * Errors: a throw, a rejection, no decision, an answer that `decides` does not list, a malformed identity or silence for `timeoutMs` is a fault:
   * CONNACK 3 / 0x88, from overload 3 / 0x89, and the next one is *not* asked, but for `"onFault": "skip"`. `BackendUnavailable` and silence count
   * for the circuit breaker.
   *
   * Spec: 5.0 section 3.1.4 [MQTT-3.1.4-2], 5.4.1; 3.1.1 section 3.1.4, 5.4.1.
   */
  readonly authenticate: QuestionHook<AuthenticateRequest, DecideIdentity>;

  /**
   * Decides one step of enhanced authentication, at CONNECT or as a re-authentication. Only MQTT 5.0 has it.
   *
   * Asked of the one plugin in the chain's `authenticate` that owns the method, for the CONNECT in the place of `authenticate`, for each AUTH of the
   * client after it, and for an AUTH that begins a re-authentication of a client that is connected.
   *
   * Continue: AUTH 0x18 with the data; the client must answer. Allow: CONNACK (in a re-authentication AUTH 0x00) with the data; a re-authentication
   * as somebody else ends with DISCONNECT 0x87, one with other groups or attributes has `loadPolicy` asked for these. Deny: CONNACK (in a re-authentication DISCONNECT) with the code of the reason.
   *
   * Nobody answers: CONNACK 0x8C where nobody owns the method. Another method in a re-authentication: DISCONNECT 0x82.
   *
   * Units: `leaseSeconds` of the answer in seconds; `step` counts from 1; `data` has at most 65,535 bytes; a client that leaves a step unanswered
   * for the chain's `deadlineMs` (milliseconds) is refused with 0x87; `timeoutMs` in milliseconds.
   *
   * Errors: a throw, a rejection, no decision or silence for `timeoutMs` is a fault: CONNACK 0x88, from overload 0x89; in a re-authentication
   * DISCONNECT 0x83.
   *
   * Spec: 5.0 section 4.12, 3.15; 3.1.1 has none.
   */
  readonly authenticateEnhanced: EnhancedHook;

  /**
   * Confirms an identity whose lease ended.
   *
   * Asked of the plugin that allowed the identity, `leaseSeconds` after it did or up to a fifth earlier, so that clients that came together are not
   * asked about together, and when a changed `plugins.json` has been put in force; a reload with the file as it was asks nobody (`onReload`). The
   * client is connected and goes on meanwhile. Asked also when the client has gone, if its lease has ended by the time at which its will is due.
   *
   * Allow: the client stays for another lease, or its will is published. Deny: DISCONNECT with the code of the reason (3.x: the connection closes); a will of the client is
   * not published.
   *
   * Nobody answers, because the plugin does not tap the hook: the lease is the greatest age of the connection, which then ends with DISCONNECT 0x87
   * (3.x: closes).
   *
   * Units: `leaseSeconds` and `ageSeconds` in seconds; `timeoutMs`, `deadlineMs` and `staleGraceMs` in milliseconds.
   *
   * Errors: a throw, a rejection, no decision or silence for `timeoutMs` is a fault: asked again every half second until the chain's `staleGraceMs`
   * is over, which is 0 unless configured; then DISCONNECT 0x89 (3.x: the connection closes). A will is not published.
   *
   * Spec: 5.0 section 3.14.2.1, 5.4.2; 3.1.1 section 5.4.2.
   */
  readonly refreshIdentity: QuestionHook<RefreshIdentityRequest, DecideRefresh>;

  /**
   * Decides whether an identity may be here now: quota, age of the login.
   *
   * Asked of each plugin in the chain's `guards`, in order, when the identity is known and before rights are loaded.
   *
   * Pass: the next guard is asked; all must let pass. Deny: CONNACK with the code of the reason, then closed.
   *
   * Nobody answers: the client goes on to `loadPolicy`.
   *
   * Units: `timeoutMs` and `deadlineMs` in milliseconds.
   *
   * Errors: a throw, a rejection, no decision or silence for `timeoutMs` is a fault: CONNACK 3 / 0x88, from overload 3 / 0x89.
   *
   * Spec: 5.0 section 3.2.2.2; 3.1.1 section 3.2.2.3.
   */
  readonly admitIdentity: QuestionHook<AdmitIdentityRequest, DecideGuard>;

  /**
   * Gives the rights of a client as rules.
   *
   * Asked of each plugin in the chain's `authorize`, side by side: at CONNECT when the identity is known and may be here, on an invalidation, when a
   * policy lease ends or up to a fifth earlier, and after a reload (`reason`); of `maxPolicyLoads` clients at a time after a change that concerns many.
   *
   * Policy: its templates and rules; those of all plugins together are the client's rights, folded by the chain's `combine`. Nothing: this plugin
   * adds no rights.
   *
   * Nobody answers: the client may do nothing, unless code allows it (`authorize`).
   *
   * Units: `leaseSeconds` of the answer in seconds, the shortest one counts; `timeoutMs`, `deadlineMs` and `staleGraceMs` in milliseconds.
   *
   * Errors: a throw, a rejection, no decision, silence for `timeoutMs`, a rule that does not compile or a template that is not known is a fault: at
   * CONNECT 3 / 0x88, from overload 3 / 0x89. Later the old rights stand while the question is put again every half second, until `staleGraceMs` is
   * over, which is 0 unless configured (from overload not before `deadlineMs`); then DISCONNECT 0x89 (3.x: the connection closes).
   *
   * Spec: 5.0 section 5.4.2; 3.1.1 section 5.4.2.
   */
  readonly loadPolicy: QuestionHook<LoadPolicyRequest, GivePolicy>;
}
