/** What the broker does about an error that a plugin may throw. */
export interface PluginErrorKind {
  /** Stable code, `PCL_…`; never reused, never renamed. */
  readonly code: string;
  /** The reason code of MQTT 5.0 that a client asking at that moment sees (3.x: its counterpart). */
  readonly reasonCode: number;
  /** Whether the error counts towards opening the plugin's circuit breaker. */
  readonly countsForBreaker: boolean;
}

/** Every error that the SDK lets plugins throw, by class name. Any other error is a fault of the plugin (`PCL_PLUGIN_FAULT`). */
export const PLUGIN_ERRORS: Readonly<Record<'BackendUnavailable' | 'InvalidPluginConfig', PluginErrorKind>> = {
  BackendUnavailable: { code: 'PCL_BACKEND_UNAVAILABLE', reasonCode: 0x88, countsForBreaker: true },
  InvalidPluginConfig: { code: 'PCL_PLUGIN_CONFIG', reasonCode: 0x88, countsForBreaker: false },
};

/**
 * Says that a backend (database, directory, key server) cannot be asked now.
 *
 * Thrown from `start`, it leads to the plugin's `startup` mode instead of ending the broker. Thrown from a handler, the question ends as a
 * fault (the client is refused as *unavailable*), and the error counts towards the plugin's circuit breaker. Never throw it for an answer
 * that is merely wrong: one poisoned record could then lock everyone out.
 *
 * The text goes to the log, never to a client; it must not contain secrets.
 */
export class BackendUnavailable extends Error {
  override readonly name = 'BackendUnavailable';
  readonly code = PLUGIN_ERRORS.BackendUnavailable.code;
}

/**
 * Says that a plugin's configuration is well-formed but cannot work: a file that is missing or does not parse, two options that exclude
 * each other. Thrown from `start`; the broker does not start, or on a reload keeps the generation that it has.
 *
 * `message` is shown to the administrator as it is: say what is wrong and what to do, name file and line, never a secret.
 */
export class InvalidPluginConfig extends Error {
  override readonly name = 'InvalidPluginConfig';
  readonly code = PLUGIN_ERRORS.InvalidPluginConfig.code;
}
