import { randomBytes } from 'node:crypto';
import { link, lstat, mkdir, open, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { hashPassword } from '@portcullis/sdk/passwords';
import { type ConfigDocument, parseConfigFile } from '../config/index.js';

/** The configuration that a first start makes: this machine only, users and rights from files. */
export const DEFAULT_CONFIG = `{
  "version": 1,
  "listeners": {
    "local": { "url": "mqtt://127.0.0.1:1883", "chain": "default" },
    "web": { "url": "ws://127.0.0.1:8083/mqtt", "chain": "default" }
  },
  "plugins": {
    "passwords": { "use": "@portcullis/plugin-password-file", "config": { "file": "data/passwords" } },
    "rules": { "use": "@portcullis/plugin-acl-file", "config": { "file": "data/acl" } }
  },
  "chains": {
    "default": { "authenticate": ["passwords"], "authorize": ["rules"] }
  },
  "control": { "socket": "data/control.sock" }
}
`;

const DEFAULT_RIGHTS = `# Rights, in the syntax of Mosquitto's ACL files. Who is not named here may do nothing.
user admin
topic readwrite #
`;

const USERNAME = 'admin';

export interface Administrator {
  readonly username: string;
  readonly password: string;
}

export interface QuickstartOptions {
  /** Default: `plugins.json`. */
  readonly fileName?: string;
  readonly hash?: (password: Uint8Array) => Promise<string>;
}

/**
 * Makes what a first start lacks: the configuration, and an administrator with rights when neither file exists and the configuration uses
 * them. Never overwrites. With one of the two files missing, nothing is made: the plugin says what is missing, and a new administrator
 * beside somebody's old rights could be more than they meant.
 */
export async function ensureQuickstart(
  folder: string,
  options: QuickstartOptions = {},
): Promise<{ readonly configFile: string; readonly created: Administrator | null }> {
  const configFile = resolve(folder, options.fileName ?? 'plugins.json');
  await writeNew(configFile, DEFAULT_CONFIG, 0o644);
  const parsed = await parseConfigFile(configFile);
  const passwords = resolve(folder, 'data/passwords');
  const rights = resolve(folder, 'data/acl');
  const wanted = 'document' in parsed && usesFile(parsed.document, '@portcullis/plugin-password-file', passwords);
  if (!wanted || !usesFile(parsed.document, '@portcullis/plugin-acl-file', rights)) return { configFile, created: null };
  if ((await exists(passwords)) || (await exists(rights))) return { configFile, created: null };
  const password = makePassword();
  const hash = await (options.hash ?? hashPassword)(Buffer.from(password));
  await mkdir(dirname(passwords), { recursive: true, mode: 0o700 });
  // Rights first: should the process die in between, no administrator exists whose password nobody has seen.
  if (!(await writeNew(rights, DEFAULT_RIGHTS, 0o600))) return { configFile, created: null };
  const made = await writeNew(passwords, `${USERNAME}:${hash}\n`, 0o600);
  return { configFile, created: made ? { username: USERNAME, password } : null };
}

function usesFile({ json, folder }: ConfigDocument, use: string, path: string): boolean {
  for (const name of json.node(['plugins'])?.members?.keys() ?? []) {
    const file = json.node(['plugins', name, 'config', 'file'])?.value;
    if (json.node(['plugins', name, 'use'])?.value === use && typeof file === 'string' && resolve(folder, file) === path) return true;
  }
  return false;
}

/** 24 characters of A–Z a–z 0–9 _ -, 144 bits; no "-" in front, where tools would take it for a switch. */
function makePassword(): string {
  for (;;) {
    const password = randomBytes(18).toString('base64url');
    if (!password.startsWith('-')) return password;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** Puts a whole file in place, or nothing; false when something is there already. A link, unlike a rename, never replaces. */
async function writeNew(path: string, text: string, mode: number): Promise<boolean> {
  if (await exists(path)) return false;
  const temporary = join(dirname(path), `.${randomBytes(8).toString('hex')}.tmp`);
  const handle = await open(temporary, 'wx', mode);
  try {
    await handle.writeFile(text);
    await handle.sync();
    await link(temporary, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await handle.close();
    await unlink(temporary);
  }
}

/** Prints who was made. Called at once: whatever fails afterwards, the password must not be lost, since it is kept nowhere. */
export function printAdministrator({ username, password }: Administrator, print: (line: string) => void): void {
  print('An administrator was made. The password is shown only this once; the broker keeps a hash.');
  print(`  username: ${username}`);
  print(`  password: ${password}`);
}
