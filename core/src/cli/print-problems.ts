import type { Problem } from '../config/index.js';

const MAX_PRINTED = 100;

/** Problems as lines, `plugins.json:12:5  plugins.rules.confg: unknown key "confg" — did you mean "config"?`. */
export function problemLines(file: string, problems: readonly Problem[]): string[] {
  const lines = problems.slice(0, MAX_PRINTED).map((problem) => printable(problemLine(file, problem)));
  if (problems.length > MAX_PRINTED) lines.push(`… and ${problems.length - MAX_PRINTED} more`);
  return lines;
}

function problemLine(file: string, { line, column, path, message, hint }: Problem): string {
  const text = `${path === '' ? '' : `${path}: `}${message}${hint === null ? '' : ` — ${hint}`}`;
  return line === 0 ? `${file}  ${text}` : `${file}:${line}:${column}  ${text}`;
}

/** One line, whatever a plugin put into its error: control characters could drive the terminal. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
