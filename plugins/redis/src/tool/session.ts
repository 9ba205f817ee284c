import type { ToolTerminal } from '@portcullis/sdk/tools';
import type { Editor } from './editor.js';

/** What a command works with. */
export interface ToolSession {
  readonly editor: Editor;
  readonly terminal: ToolTerminal;
  readonly tenant: string | null;
}
