/** The tool's surroundings. */
export interface ToolTerminal {
  out(text: string): void;
  error(text: string): void;
  /** Asks for a line that is not shown; null when there is none. */
  secret(prompt: string): Promise<Buffer | null>;
}
