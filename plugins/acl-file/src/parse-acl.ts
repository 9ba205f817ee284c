import { InvalidPluginConfig, isTopicFilter, type Rule } from '@portcullis/sdk';

/** The rules of an ACL file, by whom they are for. */
export interface Acl {
  /** `topic` lines before the first `user` line: clients without a username. */
  readonly anonymous: readonly Rule[];
  /** `pattern` lines, wherever they stand: everybody. */
  readonly pattern: readonly Rule[];
  readonly users: ReadonlyMap<string, readonly Rule[]>;
  /** Lines of patterns in which neither %u nor %c stands: legal, but rarely meant. */
  readonly constantPatterns: readonly number[];
}

const ALL_ACTIONS = ['publish', 'subscribe', 'receive'] as const;
const ACCESS: ReadonlyMap<string, Pick<Rule, 'effect' | 'actions'>> = new Map([
  ['read', { effect: 'allow', actions: ['subscribe', 'receive'] }],
  ['write', { effect: 'allow', actions: ['publish'] }],
  ['readwrite', { effect: 'allow', actions: ALL_ACTIONS }],
  ['deny', { effect: 'deny', actions: ALL_ACTIONS }],
]);

const BLANKS = ' \t\r\v\f';
const WORD = /^[ \t]*([^ \t]+)(?:[ \t]+(.*))?$/s;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f]/;
const MAX_NAME_BYTES = 65_535;

/**
 * Reads an ACL file in Mosquitto's syntax.
 *
 * A line that means nothing refuses the whole file with `InvalidPluginConfig`, by its number: a mistyped `deny` that is skipped would grant
 * what its author took away.
 */
export function parseAcl(path: string, name: string, text: string): Acl {
  return new AclParser(path, name).parse(text);
}

class AclParser {
  readonly #path: string;
  readonly #name: string;
  readonly #anonymous: Rule[] = [];
  readonly #pattern: Rule[] = [];
  readonly #users = new Map<string, Rule[]>();
  readonly #constantPatterns: number[] = [];
  /** Where `topic` lines go now. */
  #section = this.#anonymous;
  #line = 0;

  constructor(path: string, name: string) {
    this.#path = path;
    this.#name = name;
  }

  parse(text: string): Acl {
    for (const raw of text.split('\n')) {
      this.#line++;
      const content = withoutEndBlanks(raw);
      if (content !== '' && !content.startsWith('#')) this.#statement(content);
    }
    return { anonymous: this.#anonymous, pattern: this.#pattern, users: this.#users, constantPatterns: this.#constantPatterns };
  }

  #statement(content: string): void {
    // Line ends of another system would make one line, and one topic, of the whole file.
    if (CONTROL.test(content)) this.#refuse('holds a control character; save the file as plain text with one statement a line');
    const [, keyword, rest = ''] = WORD.exec(content) ?? [];
    if (keyword === 'user') this.#user(rest);
    else if (keyword === 'topic') this.#section.push(this.#rule('topic', rest, escapePercent));
    else if (keyword === 'pattern') this.#pattern.push(this.#rule('pattern', rest, (topic) => this.#variables(topic)));
    else if (keyword?.startsWith('#')) this.#refuse('is indented; a comment begins with "#" at the very start of its line');
    else this.#refuse('begins with none of "user", "topic", "pattern" or "#"');
  }

  #user(name: string): void {
    if (name === '') this.#refuse('names no user; write: user <username>');
    if (Buffer.byteLength(name) > MAX_NAME_BYTES) this.#refuse(`holds a username of more than ${MAX_NAME_BYTES} bytes`);
    const section = this.#users.get(name) ?? [];
    this.#users.set(name, section);
    this.#section = section;
  }

  #rule(keyword: string, rest: string, toPattern: (topic: string) => string): Rule {
    if (rest === '') this.#refuse(`names no topic; write: ${keyword} [read|write|readwrite|deny] <topic>`);
    const [, first = '', behind] = WORD.exec(rest) ?? [];
    const access = ACCESS.get(behind === undefined ? 'readwrite' : first);
    // One word alone is a topic. If it is also an access word, what was meant is anybody's guess, and for "deny" a guess grants.
    if (behind === undefined && ACCESS.has(first)) {
      this.#refuse(`says "${first}" but names no topic; for a topic of that name write: ${keyword} readwrite ${first}`);
    }
    if (access === undefined) {
      this.#refuse(`holds "${first}" where read, write, readwrite or deny belongs; a topic with blanks needs one: ${keyword} readwrite ${rest}`);
    }
    const topic = behind ?? first;
    const pattern = toPattern(topic);
    if (topic.startsWith('$share/')) this.#refuse('begins with "$share/"; rights to a shared subscription are those to the topic filter inside');
    // A variable stands for a piece of one level, as "x" does.
    if (!isTopicFilter(keyword === 'pattern' ? topic.replaceAll(/%[uc]/g, 'x') : topic)) {
      this.#refuse('holds no valid topic filter; "+" fills a whole level, "#" the whole last one');
    }
    return { ...access, pattern, from: `${this.#name}:${this.#line}` };
  }

  /** Writes a pattern's topic as a rule's pattern: %u and %c stay variables, every other percent sign is itself. */
  #variables(topic: string): string {
    if (!/%[uc]/.test(topic)) this.#constantPatterns.push(this.#line);
    for (const level of topic.split('/')) {
      // Two values in one level can be cut apart in more than one way: to "%u-%c", user "a" of client "b-c" is user "a-b" of client "c".
      if ((level.match(/%[uc]/g)?.length ?? 0) > 1) this.#refuse(`holds two variables in one level, "${level}"; put them in levels of their own`);
    }
    return topic.replaceAll(/%(?![uc])/g, '%%');
  }

  #refuse(what: string): never {
    throw new InvalidPluginConfig(`${this.#path}:${this.#line}: ${what}`);
  }
}

function escapePercent(topic: string): string {
  return topic.replaceAll('%', '%%');
}

/** The blanks that Mosquitto drops at the end of a line, and no others: U+00A0 may be part of a name. */
function withoutEndBlanks(line: string): string {
  let end = line.length;
  while (end > 0 && BLANKS.includes(line[end - 1] as string)) end--;
  return line.slice(0, end);
}
