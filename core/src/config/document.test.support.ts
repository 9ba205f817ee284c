import { parseJson } from './json.js';
import { validateDocument } from './load.js';
import type { Problem } from './problem.js';
import type { ConfigDocument } from './types.js';

/** A document from text, as if it had been read from `/etc/portcullis/plugins.json`. */
export function documentOf(text: string, folder = '/etc/portcullis'): ConfigDocument {
  const parsed = parseJson(Buffer.from(text));
  if ('problems' in parsed) throw new Error(`does not parse: ${lines(parsed.problems).join('; ')}`);
  return { file: `${folder}/plugins.json`, folder, json: parsed.document };
}

/** Problems as text, the way they are printed but for the file. */
export function lines(problems: readonly Problem[]): string[] {
  return problems.map(({ line, column, path, message, hint }) => `${line}:${column} ${path}: ${message}${hint === null ? '' : ` — ${hint}`}`);
}

/** A file in which nothing is wrong. */
export const SOUND = `{
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
  }
}`;

/** The sound file with one piece of it replaced. */
export function changed(from: string, to: string): string {
  if (!SOUND.includes(from)) throw new Error(`not in the file: ${from}`);
  return SOUND.replace(from, to);
}

/** Pieces of the sound file to change. */
export const LOCAL = '"local": { "url": "mqtt://127.0.0.1:1883", "chain": "default" }';
export const PASSWORDS = '"use": "@portcullis/plugin-password-file", "config"';
export const CHAIN = '{ "authenticate": ["passwords"], "authorize": ["rules"] }';

/** Every mistake that the checks find in a text. */
export function mistakes(text: string, env: Readonly<Record<string, string>> = {}): string[] {
  const { config, problems } = validateDocument(documentOf(text), env);
  if ((config === null) !== problems.length > 0) throw new Error('a configuration with problems, or none without');
  return lines(problems);
}
