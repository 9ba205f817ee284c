import { InvalidPluginConfig } from '@portcullis/sdk';
import { hashPassword, isPasswordHash, type PasswordHashFormat } from '@portcullis/sdk/passwords';
import { readNewPassword, ToolError, type ToolTerminal } from '@portcullis/sdk/tools';
import { type Entry, nameProblem, parseEntries } from './entries.js';
import { type PasswdCommand, parsePasswdArguments, USAGE } from './passwd-arguments.js';
import { type FileState, readState, replaceFile } from './replace-file.js';

/** Runs `portcullis-passwd` and gives its exit status. A failure leaves the file as it was. */
export async function runPasswdTool(args: readonly string[], terminal: ToolTerminal): Promise<number> {
  if (args.length === 1 && (args[0] === '--help' || args[0] === '-h')) {
    terminal.out(USAGE);
    return 0;
  }
  const command = parsePasswdArguments(args);
  if (command === null) {
    terminal.error(USAGE);
    return 1;
  }
  try {
    terminal.out(`${await run(command, terminal)}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof ToolError || error instanceof InvalidPluginConfig || error instanceof RangeError)) throw error;
    terminal.error(`portcullis-passwd: ${error.message}\n`);
    return 1;
  }
}

function run(command: PasswdCommand, terminal: ToolTerminal): Promise<string> {
  switch (command.kind) {
    case 'set':
      return setPassword(command, terminal);
    case 'delete':
      return deleteUser(command.file, command.username);
    case 'convert':
      return convert(command.file, command.format);
  }
}

async function setPassword(command: PasswdCommand & { kind: 'set' }, terminal: ToolTerminal): Promise<string> {
  const { file, username, create } = command;
  const problem = nameProblem(username);
  if (problem !== null) throw new ToolError(`the username ${problem}`);
  const before = create ? await readState(file) : await existing(file);
  // Read before the password is asked for: nobody should type it twice to learn that the file is damaged.
  const lines = create ? [] : linesOf(file, before);
  const password = await readNewPassword(terminal, command.password);
  const line = `${username}:${await hashPassword(password, { format: command.format })}`;
  const at = create ? -1 : positionOf(file, lines, username);
  if (at < 0) lines.push(line);
  else lines[at] = line;
  await write(file, lines, before);
  if (create && before !== null) return `${file}: overwritten, holds ${username} only`;
  return `${file}: ${at < 0 ? 'added' : 'updated'} ${username}`;
}

async function deleteUser(file: string, username: string): Promise<string> {
  const before = await existing(file);
  const lines = linesOf(file, before);
  const at = positionOf(file, lines, username);
  if (at < 0) throw new ToolError(`${file}: holds no such user`);
  lines.splice(at, 1);
  await write(file, lines, before);
  return `${file}: deleted ${username}`;
}

async function convert(file: string, format: PasswordHashFormat): Promise<string> {
  const before = await existing(file);
  const lines = linesOf(file, before);
  const plain = parseEntries(file, lines.join('\n')).filter((entry) => !isPasswordHash(entry.stored));
  for (const { line, stored } of plain) {
    // It may be a damaged hash or a password that begins with "$"; hashing the first would turn the damage into a password.
    if (stored.startsWith('$')) throw new ToolError(`${file}:${line}: begins like a hash but is none; set this password by itself`);
  }
  if (plain.length === 0) return `${file}: all passwords are hashed already`;
  for (const { line, name, stored } of plain) lines[line - 1] = `${name}:${await hashPassword(Buffer.from(stored, 'utf8'), { format })}`;
  await write(file, lines, before);
  return `${file}: hashed ${plain.length} passwords`;
}

async function existing(file: string): Promise<FileState> {
  const state = await readState(file);
  if (state === null) throw new ToolError(`${file}: there is no such file; -c creates it`);
  return state;
}

/** The lines of a file as they stand, comments and blank ones too, without the empty one behind the last newline. */
function linesOf(file: string, state: FileState | null): string[] {
  if (state === null) return [];
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(state.bytes);
  } catch {
    throw new ToolError(`${file}: is not UTF-8; save the file as UTF-8`);
  }
  const lines = text.split('\n');
  if (lines[lines.length - 1] === '') lines.pop();
  return lines;
}

function positionOf(file: string, lines: readonly string[], username: string): number {
  const entry: Entry | undefined = parseEntries(file, lines.join('\n')).find(({ name }) => name === username);
  return entry === undefined ? -1 : entry.line - 1;
}

async function write(file: string, lines: readonly string[], before: FileState | null): Promise<void> {
  await replaceFile(file, Buffer.from(lines.map((line) => `${line}\n`).join(''), 'utf8'), before);
}
