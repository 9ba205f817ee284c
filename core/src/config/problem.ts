/** One mistake in the configuration. Its texts never contain values from the file, since those may be secrets. */
export interface Problem {
  /** From 1; 0 when the mistake has no place in the file. */
  readonly line: number;
  /** From 1, in UTF-16 units as editors count; 0 when the mistake has no place in the file. */
  readonly column: number;
  /** Where in the document, such as `plugins.rules.config.file`; empty for the whole. */
  readonly path: string;
  readonly message: string;
  readonly hint: string | null;
}

export type Segment = string | number;

/** Segments as people write them: `chains.default.guards[0]`, `plugins["a.b"].use`. */
export function pathText(segments: readonly Segment[]): string {
  let text = '';
  for (const segment of segments) {
    if (typeof segment === 'number') text += `[${segment}]`;
    else if (/^[A-Za-z_$][\w$-]{0,63}$/.test(segment)) text += text === '' ? segment : `.${segment}`;
    else text += `[${quoted(segment)}]`;
  }
  return text;
}

/** A key or name from the file, safe to print: cut, and without characters that drive a terminal. */
export function quoted(text: string): string {
  const cut = text.length <= 64 ? text : `${text.slice(0, 64)}…`;
  return JSON.stringify(cut).replace(/[\u007f-\u009f\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** By position, each mistake once. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  const seen = new Map<string, Problem>();
  for (const problem of problems) {
    const key = JSON.stringify([problem.line, problem.column, problem.path, problem.message]);
    if (!seen.has(key)) seen.set(key, problem);
  }
  return [...seen.values()].sort((a, b) => a.line - b.line || a.column - b.column || compare(a.path, b.path));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
