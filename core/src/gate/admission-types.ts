import type { ClientInfo, ConnectionInfo, ProtocolName, TlsEvidence, UserProperties } from '@portcullis/sdk';
import type { GateClient } from './client.js';
import type { Message } from './message.js';
import type { Tenancy } from './tenancy.js';

/** A CONNECT as the gate needs it. */
export interface ConnectRequest {
  readonly connection: ConnectionInfo;
  /** Where the client's topics lie; the will's topic is a whole name already. Empty unless told. */
  readonly mountpoint?: string;
  /** The tenant, where it is taken as given: nobody is asked for it, and the username is the client's alone. */
  readonly tenant?: string;
  readonly tls: TlsEvidence | null;
  readonly protocolVersion: 3 | 4 | 5;
  readonly clientId: string;
  readonly cleanStart: boolean;
  readonly keepAliveSeconds: number;
  readonly username: string | null;
  readonly password: Buffer | null;
  /** Of 5.0; null when it was not given, and for 3.x. */
  readonly sessionExpirySeconds: number | null;
  readonly authenticationMethod: string | null;
  readonly authenticationData: Buffer | null;
  readonly userProperties: UserProperties;
  readonly will: {
    readonly topic: string;
    readonly payload: Buffer;
    readonly qos: 0 | 1 | 2;
    readonly retain: boolean;
    readonly properties: Buffer;
  } | null;
}

export type AdmissionResult =
  | {
      readonly kind: 'accepted';
      readonly client: GateClient;
      readonly will: Message | null;
      /** Identifier that the broker chose, or null. */
      readonly assignedClientId: string | null;
      /** Data of the last step of enhanced authentication, or null. */
      readonly authData: Buffer | null;
      /** By which its tenant and its mountpoint were found. */
      readonly tenancy: Tenancy;
    }
  | { readonly kind: 'refused' /** Reason code of MQTT 5.0 for the CONNACK. */; readonly reasonCode: number }
  | { readonly kind: 'challenge'; readonly data: Buffer };

const PROTOCOLS: Record<3 | 4 | 5, ProtocolName> = { 3: '3.1', 4: '3.1.1', 5: '5.0' };

/** The client as plugins see it first; the session expiry is under the cap already. */
export function clientInfo(request: ConnectRequest, maxExpirySeconds: number): ClientInfo {
  // A 3.x client says only whether the session ends with the connection [MQTT-3.1.2-4]; it lasts as long as the broker lets any last.
  const asked = request.protocolVersion === 5 ? (request.sessionExpirySeconds ?? 0) : request.cleanStart ? 0 : 0xffffffff;
  // Frozen, as it is shown to every plugin that is asked: what is not would be copied for each.
  return Object.freeze({
    id: request.clientId,
    connection: request.connection,
    protocol: PROTOCOLS[request.protocolVersion],
    cleanStart: request.cleanStart,
    keepAliveSeconds: request.keepAliveSeconds,
    sessionExpirySeconds: Math.min(asked, maxExpirySeconds),
  });
}

/** The client with some of it changed. */
export function changedInfo(info: ClientInfo, change: Partial<ClientInfo>): ClientInfo {
  return Object.freeze({ ...info, ...change });
}

/** Whether a text could have come in a packet: at most 65,535 bytes, no U+0000, no lone surrogate. */
export function isUtf8Text(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\u0000') && value.isWellFormed() && Buffer.byteLength(value) <= 65_535;
}

/** Whether a username has more bytes than it may. */
export function isTooLong(username: string | null, maxBytes: number): boolean {
  // A character has at least one byte: most names need not be counted.
  return username !== null && username.length * 3 > maxBytes && Buffer.byteLength(username) > maxBytes;
}

/** Whether something is a whole number from 0 to a maximum. */
export function isWhole(value: unknown, maximum: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= maximum;
}
