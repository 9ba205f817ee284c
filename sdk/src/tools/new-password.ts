import type { ToolTerminal } from './terminal.js';
import { ToolError } from './tool-error.js';

/** The longest that a CONNECT can carry. */
const MAX_PASSWORD_BYTES = 65_535;

/** A new password: the one given, or null to ask for it, twice. Throws `ToolError` for none, an empty one, and one that no CONNECT could carry. */
export async function readNewPassword(terminal: ToolTerminal, given: string | null): Promise<Buffer> {
  const password = given === null ? await ask(terminal) : Buffer.from(given, 'utf8');
  if (password.length === 0) throw new ToolError('the password is empty');
  if (password.length > MAX_PASSWORD_BYTES) throw new ToolError(`the password is longer than ${MAX_PASSWORD_BYTES} bytes`);
  return password;
}

async function ask(terminal: ToolTerminal): Promise<Buffer> {
  const password = await terminal.secret('Password: ');
  const again = await terminal.secret('Reenter password: ');
  if (password === null || again === null) throw new ToolError('no password was given');
  if (!password.equals(again)) throw new ToolError('the passwords do not match');
  return password;
}
