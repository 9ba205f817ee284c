import type { Editor } from './editor.js';

/** The tool's surroundings. */
export interface Terminal {
  out(text: string): void;
  error(text: string): void;
  /** Asks for a line that is not shown; null when there is none. */
  secret(prompt: string): Promise<Buffer | null>;
}

/** What a command works with. */
export interface ToolSession {
  readonly editor: Editor;
  readonly terminal: Terminal;
  readonly tenant: string | null;
}
