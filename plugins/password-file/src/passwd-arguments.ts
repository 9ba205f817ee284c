import type { PasswordHashFormat } from '@portcullis/sdk/passwords';
import { HASH_FORMATS } from '@portcullis/sdk/tools';

/** What the tool was asked to do. */
export type PasswdCommand =
  | {
      readonly kind: 'set';
      readonly create: boolean;
      readonly format: PasswordHashFormat;
      readonly file: string;
      readonly username: string;
      /** Null: ask for it. */
      readonly password: string | null;
    }
  | { readonly kind: 'delete'; readonly file: string; readonly username: string }
  | { readonly kind: 'convert'; readonly format: PasswordHashFormat; readonly file: string };

export const USAGE = `usage: portcullis-passwd [-H <format>] [-c | -D] <file> <username>
       portcullis-passwd [-H <format>] [-c] -b <file> <username> <password>
       portcullis-passwd [-H <format>] -U <file>

  -b  take the password from the command line, where other users of the machine can see it
  -c  create the file; one that exists is overwritten
  -D  delete the user
  -H  argon2id (default), scrypt, bcrypt, sha512-pbkdf2, sha512; Mosquitto 2.0 reads the last two
  -U  hash the passwords of a file that holds them in plain text
`;

/** Null when the arguments are not exactly one of the forms in the usage. A switch that came too few is never guessed. */
export function parsePasswdArguments(args: readonly string[]): PasswdCommand | null {
  const switches = new Set<string>();
  let format: PasswordHashFormat | undefined = 'argon2id';
  let at = 0;
  // Switches end at the first other word: a username or password may begin with "-".
  for (; args[at]?.startsWith('-'); at++) {
    const name = args[at] as string;
    if (!['-b', '-c', '-D', '-H', '-U'].includes(name) || switches.has(name)) return null;
    switches.add(name);
    if (name === '-H') format = HASH_FORMATS.get(args[++at] ?? '');
    if (format === undefined) return null;
  }
  const words = args.slice(at);
  const [file, username, password] = words;
  if (file === undefined || file === '') return null;
  switches.delete('-H');
  const form = [...switches].sort().join('');
  if (form === '-U') return words.length === 1 ? { kind: 'convert', format, file } : null;
  if (username === undefined) return null;
  if (form === '-D') return words.length === 2 ? { kind: 'delete', file, username } : null;
  if (form === '' || form === '-c') {
    return words.length === 2 ? { kind: 'set', create: form === '-c', format, file, username, password: null } : null;
  }
  if (form !== '-b' && form !== '-b-c') return null;
  return words.length === 3 && password !== undefined ? { kind: 'set', create: form === '-b-c', format, file, username, password } : null;
}
