/**
 * Finds a placeholder (`$1`) inside of quotes, where it is plain text and nothing is filled in; gives the quoted piece, or null. Looks at text as PostgreSQL
 * does: strings, identifiers, dollar quotes; what stands in comments does not count.
 */
export function findQuotedPlaceholder(statement: string): string | null {
  for (const [piece] of statement.matchAll(PIECES)) {
    if (piece.startsWith('--') || piece.startsWith('/*')) continue;
    const inner = piece.startsWith('$') ? piece.slice(piece.indexOf('$', 1) + 1) : piece;
    if (/\$\d/.test(inner)) return piece;
  }
  return null;
}

const COMMENT = String.raw`--[^\n]*|/\*[\s\S]*?\*/`;
const ESCAPED_STRING = String.raw`\b[eE]'(?:[^'\\]|\\[\s\S]|'')*'`;
const STRING = `'(?:[^']|'')*'`;
const IDENTIFIER = `"(?:[^"]|"")*"`;
const DOLLAR_QUOTE = String.raw`\$([A-Za-z_][A-Za-z0-9_]*)?\$[\s\S]*?\$\1\$`;
const PIECES = new RegExp([COMMENT, ESCAPED_STRING, STRING, IDENTIFIER, DOLLAR_QUOTE].join('|'), 'g');
