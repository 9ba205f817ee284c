import type { Identity } from './identity.js';
import type { RuleAction } from './rules.js';

/** Protocol version as the client asked for it. */
export type ProtocolName = '3.1' | '3.1.1' | '5.0';

/** How the bytes travel. */
export type Transport = 'tcp' | 'tls' | 'ws' | 'wss' | 'unix';

/** Where a connection comes from. */
export interface ConnectionInfo {
  /** Unique in the life of the broker process; safe to log. */
  readonly id: string;
  /** Name of the listener in `plugins.json`. */
  readonly listener: string;
  /** How its bytes travel. */
  readonly transport: Transport;
  /**
   * Remote IP address as text (IPv4-mapped IPv6 as IPv4, other IPv6 in its shortest form). Behind a trusted proxy that speaks the PROXY
   * protocol, that of its client. Empty for Unix sockets, here or at the proxy.
   */
  readonly address: string;
  /** Remote port; 0 where the address is empty. */
  readonly port: number;
}

/** A client in the middle of, or after, its CONNECT. */
export interface ClientInfo {
  /** Client identifier; '' while the client asked the broker to assign one and has none yet. */
  readonly id: string;
  /** Where it comes from. */
  readonly connection: ConnectionInfo;
  /** Version of MQTT. */
  readonly protocol: ProtocolName;
  /** Whether it wants a new session (3.x: clean session). */
  readonly cleanStart: boolean;
  /** Keep alive in seconds, 0 for none. */
  readonly keepAliveSeconds: number;
  /** Session expiry in seconds after the connection ends; 0xFFFFFFFF for never. */
  readonly sessionExpirySeconds: number;
}

/** What TLS says about a client. Of a certificate nothing is shown that was not verified. */
export interface TlsEvidence {
  /** Version as agreed on: `TLSv1.2` or `TLSv1.3`. */
  readonly protocol: string;
  /** Server name that the client asked for, in lower case; '' when it asked for none or for what is no name. Nobody vouches for it. */
  readonly serverName: string;
  /** Null without a verified client certificate. */
  readonly certificate: ClientCertificate | null;
}

/**
 * A client's certificate, verified by the authorities of the listener and, where it has revocation lists, not revoked.
 *
 * Values of `fields` and `names` are shown as exactly the text that the certificate holds, or not at all: one that is empty, longer than 1,024
 * characters, holds control characters, or bytes that its type of text does not have, makes null of its whole list. So does a list of more
 * than 64. Take a name from a list only when it has one element: which of two would it be?
 */
export interface ClientCertificate {
  /** Common name: the one value of `fields.CN`; null when there is none or more than one. */
  readonly commonName: string | null;
  /** The values of the subject's fields, in the certificate's order. */
  readonly fields: SubjectFields;
  /** Subject alternative names, in the certificate's order. */
  readonly names: AlternativeNames;
  /**
   * All fields in the certificate's order, `C=DE,O=Acme\, Inc.,CN=device-1`; in values `,` `+` `"` `\` `<` `>` `;` and control characters are
   * escaped. Empty when it is longer than 4,096 characters.
   */
  readonly subject: string;
  /**
   * The subject by RFC 2253, as `openssl x509 -nameopt RFC2253` prints it: the last field first, `CN=device-1,O=Acme\, Inc.,C=DE`, everything
   * but ASCII as bytes of UTF-8 (`\C3\A4`). Empty when it is longer than 4,096 characters or a value is no text of its type.
   */
  readonly distinguishedName: string;
  /** The subject of the authority that issued it, written as `subject` is. */
  readonly issuer: string;
  /** Hexadecimal, in upper case. */
  readonly serialNumber: string;
  /** The names of `names` in one list, as `URI:…`, `DNS:…`, `email:…` and `IP:…`; without such as cannot be shown, empty for more than 256. */
  readonly subjectAlternativeNames: readonly string[];
  /** SHA-256 of the certificate: 64 hexadecimal digits in lower case. */
  readonly fingerprint256: string;
  /** When it begins to be valid, in milliseconds since 1970. */
  readonly validFrom: number;
  /** When it ends to be valid, in milliseconds since 1970. */
  readonly validTo: number;
}

/** Values of the fields of a subject; empty for a field that is not there, null for one that is and cannot be shown. */
export interface SubjectFields {
  /** Common name. */
  readonly CN: readonly string[] | null;
  /** Organisational unit. */
  readonly OU: readonly string[] | null;
  /** Organisation. */
  readonly O: readonly string[] | null;
  /** Country. */
  readonly C: readonly string[] | null;
  /** State or province. */
  readonly ST: readonly string[] | null;
  /** Locality. */
  readonly L: readonly string[] | null;
  /** Domain component. */
  readonly DC: readonly string[] | null;
  /** User identifier. */
  readonly UID: readonly string[] | null;
  /** Serial number of a device or person, which is not that of the certificate. */
  readonly serialNumber: readonly string[] | null;
  /** E-mail address, as old certificates have it. */
  readonly emailAddress: readonly string[] | null;
}

/** Subject alternative names by kind; empty for a kind that is not there, null for one that is and cannot be shown. Other kinds are not shown. */
export interface AlternativeNames {
  /** URIs, such as `spiffe://example.org/device/1`. */
  readonly uri: readonly string[] | null;
  /** DNS names as they are written there, not in lower case. */
  readonly dns: readonly string[] | null;
  /** E-mail addresses. */
  readonly email: readonly string[] | null;
  /** IP addresses as text, IPv6 in its shortest form. */
  readonly ip: readonly string[] | null;
}

/**
 * The credentials of one CONNECT. The password stays inside; it is never a property and never printed.
 */
export interface Credentials {
  /** Username of the CONNECT; null if it carried none. */
  readonly username: string | null;
  /** Whether the CONNECT carried a password, even an empty one. */
  readonly hasPassword: boolean;
  /**
   * Compares the password with a stored hash, off the event loop and in constant time. An unknown format, an absurd cost, and a hash that is
   * null, undefined or empty never verify; with null or undefined the same work is done as for a wrong password, so that an unknown user
   * takes as long as a known one. False without a password.
   *
   * An `allow` that is said, or counts, before the answer of every `verify` of this question was waited for and is there, is a fault: without
   * `await` the promise is always true, whatever it would become.
   *
   * Rejects only when the broker's queue for hashing is full or the question is over; let it reject: the client then sees *busy*.
   */
  verify(storedHash: string | null | undefined): Promise<boolean>;
  /** Compares the password with a secret kept as text, in constant time. */
  equals(secret: string): boolean;
  /** The password itself, a copy. Throws unless the manifest asks for the capability `credentials`. Null without a password. */
  expose(): Uint8Array | null;
}

/** User properties of a packet, in order; a name may come more than once (5.0 section 2.2.2.2). */
export type UserProperties = ReadonlyArray<readonly [name: string, value: string]>;

/** A request that waits for an answer. `signal` is aborted when the answer no longer matters: deadline, client gone, broker stopping. */
export interface Abortable {
  /** Aborted when the answer no longer matters. */
  readonly signal: AbortSignal;
}

/** A socket that was accepted. */
export interface AcceptConnectionRequest {
  readonly connection: ConnectionInfo;
}

/** An HTTP request to become a WebSocket. Headers are as the client sent them: nobody vouches for them. */
export interface UpgradeWebSocketRequest {
  readonly connection: ConnectionInfo;
  /** Header `Origin`, or null. */
  readonly origin: string | null;
  /** Path of the request, without the query. */
  readonly path: string;
  /** Header `Sec-WebSocket-Protocol`, in order. */
  readonly protocols: readonly string[];
  /** Header `Host`, or null. */
  readonly host: string | null;
  /** Header `User-Agent`, or null. */
  readonly userAgent: string | null;
}

/** A CONNECT whose tenant is not known yet. */
export interface ResolveTenantRequest extends Abortable {
  readonly client: ClientInfo;
  /** Username of the CONNECT; null if it carried none. Nobody has proved it yet. */
  readonly username: string | null;
  /** What TLS says about the client; null on a connection without TLS. */
  readonly tls: TlsEvidence | null;
}

/** The tenant that a client belongs to: a letter, then letters, digits, `.`, `_` or `-`, at most 64 characters. */
export interface TenantGrant {
  /** Its name. */
  readonly name: string;
}

/** A CONNECT that may still be patched, with the patches of the plugins before. */
export interface NormalizeConnectRequest {
  readonly client: ClientInfo;
  /** Username of the CONNECT, as patched; null if it carried none. */
  readonly username: string | null;
  /** Tenant of the client; null for none. */
  readonly tenant: string | null;
  /** What TLS says about the client; null on a connection without TLS. */
  readonly tls: TlsEvidence | null;
}

/** What `normalizeConnect` may change. Fields left out stay as they are. Validated as if the client had sent them. */
export interface ConnectPatch {
  /** 1 to 65,535 bytes of UTF-8 without U+0000. */
  readonly clientId?: string;
  /** At most 65,535 bytes of UTF-8 without U+0000. */
  readonly username?: string;
  /** Seconds, 0 to 65,535. */
  readonly keepAliveSeconds?: number;
  /** Seconds, 0 to 0xFFFFFFFF. */
  readonly sessionExpirySeconds?: number;
}

/** A client before its credentials are looked at. */
export interface AdmitClientRequest extends Abortable {
  readonly client: ClientInfo;
  /** Username of the CONNECT, as patched; null if it carried none. Nobody has proved it yet. */
  readonly username: string | null;
  /** Tenant of the client; null for none. */
  readonly tenant: string | null;
  /** What TLS says about the client; null on a connection without TLS. */
  readonly tls: TlsEvidence | null;
  readonly userProperties: UserProperties;
}

/** A client that says who it is. */
export interface AuthenticateRequest extends Abortable {
  readonly client: ClientInfo;
  /** Username and a handle for the password. */
  readonly credentials: Credentials;
  /** Tenant of the client; null for none. */
  readonly tenant: string | null;
  /** What TLS says about the client; null on a connection without TLS. */
  readonly tls: TlsEvidence | null;
  readonly userProperties: UserProperties;
}

/** One step of an exchange of enhanced authentication. */
export interface AuthenticateEnhancedRequest extends Abortable {
  readonly client: ClientInfo;
  /** The authentication method, as the client named it. */
  readonly method: string;
  /** Bytes of this step, or null when the client sent none. */
  readonly data: Uint8Array | null;
  /** Counted from 1: 1 for the CONNECT or the AUTH that begins a re-authentication, then 2, 3, … */
  readonly step: number;
  /** True for a re-authentication of a client that is already connected. */
  readonly reauthentication: boolean;
  /** The same object at every step of one exchange; the plugin may key its own state by it (WeakMap). */
  readonly exchange: object;
  /** Username of the CONNECT; in a re-authentication that of the identity. Null for none. */
  readonly username: string | null;
  /** Tenant of the client; null for none. */
  readonly tenant: string | null;
  /** What TLS says about the client; null on a connection without TLS. */
  readonly tls: TlsEvidence | null;
}

/** A client whose identity is known. */
export interface IdentifiedRequest {
  readonly client: ClientInfo;
  /** Who it is, as its authority said. */
  readonly identity: Identity;
  /** Tenant of the client; null for none. */
  readonly tenant: string | null;
}

/** A connected client whose lease ended. */
export interface RefreshIdentityRequest extends IdentifiedRequest, Abortable {
  /** What TLS said about the client when it connected; null on a connection without TLS. */
  readonly tls: TlsEvidence | null;
  /** Seconds since the identity was allowed or last refreshed. */
  readonly ageSeconds: number;
}

/** A client whose identity was allowed a moment ago. */
export interface AdmitIdentityRequest extends IdentifiedRequest, Abortable {
  /** What TLS says about the client; null on a connection without TLS. */
  readonly tls: TlsEvidence | null;
}

/** A client whose rights are needed, and why. */
export interface LoadPolicyRequest extends IdentifiedRequest, Abortable {
  /** What TLS says about the client; null on a connection without TLS. */
  readonly tls: TlsEvidence | null;
  /** Why they are asked for. */
  readonly reason: 'connect' | 'invalidated' | 'lease' | 'reload';
  /** Version of the last answer for this client, or null. */
  readonly knownVersion: number | string | null;
}

/** One action of a client. */
export interface AuthorizeRequest extends IdentifiedRequest, Abortable {
  readonly action: RuleAction;
  /** Topic name for publish and receive; topic filter for subscribe, without `$share/<group>/`. */
  readonly topic: string;
  /** QoS of the message, of the copy, or as asked for by the subscription. */
  readonly qos: 0 | 1 | 2;
  /** RETAIN of the message or copy; false for a subscription. */
  readonly retain: boolean;
  /** Share group of a subscription, or null. */
  readonly shareName: string | null;
  /** True when the publish is the client's will. */
  readonly will: boolean;
}

/** A message as plugins see it. Its payload is a copy: what a plugin does to it changes nothing. */
export interface MessageInfo {
  /** Topic name. */
  readonly topic: string;
  /** A copy of the payload. */
  readonly payload: Uint8Array;
  /** QoS of the message; for a delivery that of the copy. */
  readonly qos: 0 | 1 | 2;
  /** RETAIN of the message; for a delivery that of the copy. */
  readonly retain: boolean;
  readonly properties: PublishProperties;
}

/** Properties of a PUBLISH that travel with the message (5.0 section 3.3.2.3). */
export interface PublishProperties {
  /** 1 for UTF-8 text, 0 for bytes. */
  readonly payloadFormat?: 0 | 1;
  /** Seconds. */
  readonly messageExpirySeconds?: number;
  /** Kind of the content, as its publisher calls it. */
  readonly contentType?: string;
  /** Topic name for an answer. */
  readonly responseTopic?: string;
  /** Bytes by which an answer is known. */
  readonly correlationData?: Uint8Array;
  readonly userProperties?: UserProperties;
}

/** A message that its publisher may publish. */
export interface GuardPublishRequest extends IdentifiedRequest {
  readonly message: MessageInfo;
  /** True when the message is the client's will. */
  readonly will: boolean;
}

/** A message that is to be retained, as it will be. */
export interface GuardRetainRequest extends IdentifiedRequest {
  readonly message: MessageInfo;
}

/** One copy for one receiver, who is `client`: with the QoS and RETAIN that it would be sent with. */
export interface GuardDeliveryRequest extends IdentifiedRequest {
  readonly message: MessageInfo;
}

/** A topic filter that a client may subscribe to. */
export interface GuardSubscribeRequest extends IdentifiedRequest, Abortable {
  /** Topic filter without `$share/<group>/`. */
  readonly filter: string;
  /** Share group, or null. */
  readonly shareName: string | null;
  /** QoS that would be granted. */
  readonly qos: 0 | 1 | 2;
}

/** A message that may still be patched, with the patches of the plugins before. */
export interface RewritePublishRequest extends IdentifiedRequest {
  readonly message: MessageInfo;
}

/** What `rewritePublish` may change. Fields left out stay as they are. A changed topic is authorized again. */
export interface PublishPatch {
  /** A valid topic name that is not the broker's own (`$SYS` and the like). */
  readonly topic?: string;
  /** At most `limits.maxPacketBytes` bytes. */
  readonly payload?: Uint8Array;
  readonly properties?: PublishProperties;
}
