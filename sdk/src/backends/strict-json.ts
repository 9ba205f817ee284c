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

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Walks through valid JSON and looks at the names of each object as they will be read, escapes resolved. */
function refuseDoubledNames(text: string): void {
  const open: (Set<string> | null)[] = [];
  let isName = false;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === QUOTE) {
      const end = stringEnd(text, at);
      const names = open[open.length - 1];
      if (isName && names) {
        const name: string = JSON.parse(text.slice(at, end));
        if (names.has(name)) throw new Error('is JSON with a name twice in one object');
        names.add(name);
      }
      isName = false;
      at = end - 1;
    } else if (character === OPEN_OBJECT || character === OPEN_LIST) {
      if (open.length === MAX_DEPTH) throw new Error('is JSON of too many levels');
      open.push(character === OPEN_OBJECT ? new Set() : null);
      isName = character === OPEN_OBJECT;
    } else if (character === CLOSE_OBJECT || character === CLOSE_LIST) {
      open.pop();
      isName = false;
    } else if (character === COMMA) isName = open[open.length - 1] instanceof Set;
  }
}

function stringEnd(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); ; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes += 1;
    // An even number of them stand for themselves.
    if (backslashes % 2 === 0) return at + 1;
  }
}
