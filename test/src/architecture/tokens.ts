/** A piece of TypeScript as far as imports need it: comments and white space are gone, a template counts as one piece. */
export interface Token {
  readonly kind: 'word' | 'string' | 'template' | 'mark';
  /** The word, the mark, or what stands between the quotes. */
  readonly text: string;
  readonly line: number;
}

const WORD = /[\p{ID_Start}$_#][\p{ID_Continue}$]*/uy;
const NUMBER = /\d[\w.]*/y;
const SPACE = /\s+/y;
const STRING = /'(?:[^'\\\n]|\\[\s\S])*'|"(?:[^"\\\n]|\\[\s\S])*"/y;
const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y;
const REGULAR_EXPRESSION = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;

/** After these words a slash begins a regular expression; after any other word or a closing bracket it divides. */
const BEFORE_EXPRESSION = new Set(['return', 'typeof', 'case', 'in', 'of', 'delete', 'void', 'throw', 'new', 'else', 'do', 'await', 'yield']);

/** Cuts TypeScript into tokens, including those inside the `${…}` of templates. */
export function tokenize(source: string): Token[] {
  const scanner = new Scanner(source);
  scanner.run(0);
  return scanner.tokens;
}

class Scanner {
  readonly tokens: Token[] = [];
  readonly #source: string;
  #position = 0;
  #line = 1;

  constructor(source: string) {
    this.#source = source;
  }

  /** Reads up to the brace that closes `depth` 1, or to the end. */
  run(depth: number): void {
    let open = depth;
    while (this.#position < this.#source.length) {
      if (this.#take(SPACE) !== null || this.#take(COMMENT) !== null) continue;
      const line = this.#line;
      const string = this.#take(STRING);
      if (string !== null) {
        this.tokens.push({ kind: 'string', text: string.slice(1, -1), line });
        continue;
      }
      const word = this.#take(WORD) ?? this.#take(NUMBER);
      if (word !== null) {
        this.tokens.push({ kind: 'word', text: word, line });
        continue;
      }
      const mark = this.#source[this.#position] ?? '';
      if (mark === '`') {
        this.#template();
        continue;
      }
      if (mark === '/' && this.#expressionExpected() && this.#take(REGULAR_EXPRESSION) !== null) {
        this.tokens.push({ kind: 'mark', text: '/…/', line });
        continue;
      }
      this.#position += 1;
      if (mark === '{') open += 1;
      if (mark === '}') {
        open -= 1;
        if (depth === 1 && open === 0) return;
      }
      this.tokens.push({ kind: 'mark', text: mark, line });
    }
  }

  #template(): void {
    const line = this.#line;
    const at = this.tokens.length;
    let text = '';
    let computed = false;
    this.#position += 1;
    while (this.#position < this.#source.length) {
      const character = this.#source[this.#position] ?? '';
      this.#position += 1;
      if (character === '`') break;
      if (character === '\n') this.#line += 1;
      if (character === '\\') {
        text += this.#source[this.#position] ?? '';
        this.#position += 1;
      } else if (character === '$' && this.#source[this.#position] === '{') {
        computed = true;
        this.#position += 1;
        this.run(1);
      } else text += character;
    }
    this.tokens.splice(at, 0, { kind: computed ? 'template' : 'string', text, line });
  }

  #expressionExpected(): boolean {
    const last = this.tokens.at(-1);
    if (last === undefined) return true;
    if (last.kind === 'word') return BEFORE_EXPRESSION.has(last.text);
    return last.kind === 'mark' && last.text !== ')' && last.text !== ']' && last.text !== '}' && last.text !== '/…/';
  }

  #take(pattern: RegExp): string | null {
    pattern.lastIndex = this.#position;
    const found = pattern.exec(this.#source)?.[0];
    if (found === undefined) return null;
    this.#position += found.length;
    for (const character of found) if (character === '\n') this.#line += 1;
    return found;
  }
}
