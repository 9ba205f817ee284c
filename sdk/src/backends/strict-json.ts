const MAX_DEPTH = 32;

/**
 * Reads JSON in which no object has a name twice. `JSON.parse` takes the last one without a word: of `{"effect":"deny","effect":"allow"}` it
 * would make an allow, where another reader of the same text makes a deny. Throws an `Error` for that, for what is no JSON, and for more than 32 levels;
 * the text is never part of it.
 */
export function parseStrictJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error('is no JSON');
  }
  refuseDoubledNames(text);
  return value;
}

/** Walks through valid JSON and looks at the names of each object as they will be read, escapes resolved. */
function refuseDoubledNames(text: string): void {
  const open: (Set<string> | null)[] = [];
  let isName = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '"') {
      const end = stringEnd(text, at);
      const names = open[open.length - 1];
      if (isName && names) {
        const name: string = JSON.parse(text.slice(at, end));
        if (names.has(name)) throw new Error('is JSON with a name twice in one object');
        names.add(name);
      }
      isName = false;
      at = end - 1;
    } else if (character === '{' || character === '[') {
      if (open.length === MAX_DEPTH) throw new Error('is JSON of too many levels');
      open.push(character === '{' ? new Set() : null);
      isName = character === '{';
    } else if (character === '}' || character === ']') {
      open.pop();
      isName = false;
    } else if (character === ',') isName = open[open.length - 1] instanceof Set;
  }
}

function stringEnd(text: string, start: number): number {
  for (let at = start + 1; ; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at + 1;
  }
}
