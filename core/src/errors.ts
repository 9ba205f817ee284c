/** What an error means: who failed, what a client of MQTT 5.0 sees, and whether its connection survives. */
export interface ErrorKind {
  readonly code: string;
  readonly party: 'client' | 'plugin' | 'broker' | 'config';
  readonly reasonCode: number;
  readonly survives: boolean;
}

const kind = (code: string, party: ErrorKind['party'], reasonCode: number, survives: boolean): ErrorKind =>
  Object.freeze({ code, party, reasonCode, survives });

/** Every error of the core. Codes are stable: never reused, never renamed. */
export const ERRORS = {
  malformed: kind('PCL_MALFORMED_PACKET', 'client', 0x81, false),
  protocol: kind('PCL_PROTOCOL_ERROR', 'client', 0x82, false),
  unsupportedVersion: kind('PCL_UNSUPPORTED_VERSION', 'client', 0x84, false),
  tooLarge: kind('PCL_PACKET_TOO_LARGE', 'client', 0x95, false),
  topicAlias: kind('PCL_TOPIC_ALIAS', 'client', 0x94, false),
  topicName: kind('PCL_TOPIC_NAME', 'client', 0x90, false),
  receiveMaximum: kind('PCL_RECEIVE_MAXIMUM', 'client', 0x93, false),
  keepAlive: kind('PCL_KEEP_ALIVE', 'client', 0x8d, false),
  connectTimeout: kind('PCL_CONNECT_TIMEOUT', 'client', 0x87, false),
  preAuthBytes: kind('PCL_PRE_AUTH_BYTES', 'client', 0x97, false),
  takenOver: kind('PCL_TAKEN_OVER', 'client', 0x8e, false),
  refused: kind('PCL_REFUSED', 'client', 0x87, false),
  waitTooLong: kind('PCL_WAIT_TOO_LONG', 'client', 0x89, false),
  slowConsumer: kind('PCL_SLOW_CONSUMER', 'client', 0x97, false),
  shuttingDown: kind('PCL_SHUTTING_DOWN', 'broker', 0x8b, false),
  proxyHeader: kind('PCL_PROXY_HEADER', 'client', 0x80, false),
  tlsHandshake: kind('PCL_TLS_HANDSHAKE', 'client', 0x80, false),
  socket: kind('PCL_SOCKET', 'client', 0x80, false),
  pluginFault: kind('PCL_PLUGIN_FAULT', 'plugin', 0x88, true),
  pluginOverload: kind('PCL_PLUGIN_OVERLOAD', 'plugin', 0x89, true),
  pluginLoad: kind('PCL_PLUGIN_LOAD', 'plugin', 0x88, false),
  pluginEscaped: kind('PCL_PLUGIN_ESCAPED', 'plugin', 0x88, true),
  store: kind('PCL_STORE', 'broker', 0x83, false),
  invariant: kind('PCL_INVARIANT', 'broker', 0x83, false),
  config: kind('PCL_CONFIG', 'config', 0x88, false),
  listen: kind('PCL_LISTEN', 'config', 0x88, false),
} as const;

/** An error of the core, with its place in the table. The message is for the log and the administrator, never for a client. */
export class PortcullisError extends Error {
  override readonly name = 'PortcullisError';
  readonly kind: ErrorKind;

  constructor(errorKind: ErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = errorKind;
  }

  get code(): string {
    return this.kind.code;
  }
}

/**
 * The text of anything thrown, also of null; never throws itself, whatever getters the thing has. Whole: secrets are looked for in it, and half of one
 * would not be found.
 */
export function errorText(thrown: unknown): string {
  try {
    // Either may be anything: only types say that they are text.
    if (thrown instanceof Error) return String(thrown.message === '' ? thrown.name : thrown.message);
    return `threw ${typeof thrown === 'string' ? JSON.stringify(thrown) : String(thrown)}`;
  } catch {
    return 'threw something that cannot be shown';
  }
}

/** Where an error comes from, for the log; nothing for anything else that was thrown. */
export function errorStack(thrown: unknown): string | undefined {
  return thrown instanceof Error ? thrown.stack : undefined;
}
