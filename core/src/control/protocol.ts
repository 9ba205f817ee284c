/** One line of JSON that a client of the control socket sends: the name of a command, and what the command wants to know. */
export interface ControlRequest {
  readonly command: string;
  /** Of unknown type: each command judges its own. */
  readonly [name: string]: unknown;
}

/** Why a command was refused. As a problem of the configuration has it, with the file. */
export interface ControlProblem {
  /** Absolute path, or null when it is not about a file. */
  readonly file: string | null;
  /** From 1; 0 when there is no place in the file. */
  readonly line: number;
  readonly column: number;
  /** Where in the document, such as `plugins.rules.config.file`, or empty. */
  readonly path: string;
  readonly message: string;
  readonly hint: string | null;
}

/** One line of JSON that comes back. */
export type ControlAnswer =
  | { readonly ok: true; readonly [name: string]: unknown }
  | { readonly ok: false; readonly problems: readonly ControlProblem[]; readonly [name: string]: unknown };

/**
 * What the broker does for one command. Throws or rejects only when it is broken itself: what it has against the request is an answer. Whoever
 * asked may be gone by the time it is done.
 */
export type ControlCommand = (request: ControlRequest) => ControlAnswer | Promise<ControlAnswer>;

/** A refusal that is not about a file. */
export function refusal(message: string, hint: string | null = null): ControlAnswer {
  return { ok: false, problems: [{ file: null, line: 0, column: 0, path: '', message, hint }] };
}
