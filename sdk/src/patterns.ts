/** What a variable of a pattern stands for. */
export interface PatternVariable {
  /** Which of the client's values. */
  readonly kind: 'username' | 'clientId' | 'tenant' | 'commonName' | 'attribute';
  /** Name of the attribute; '' for the other kinds. */
  readonly name: string;
}

/** One level of a pattern. An affix is literal text that stands before or after a variable. */
export type PatternLevel =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'any' }
  | { readonly kind: 'variable'; readonly variable: PatternVariable; readonly prefix: string; readonly suffix: string };

/** A pattern taken apart. */
export interface Pattern {
  /** One for each level of the text. */
  readonly levels: readonly PatternLevel[];
  /** Whether it ends with `#`, which is not among the levels. */
  readonly open: boolean;
}

/** What is wrong with a pattern, as a clause without a subject (`has # before its end`). */
export class PatternFault extends Error {
  override readonly name = 'PatternFault';
  /** Place in the text, in UTF-16 code units from 0. */
  readonly at: number;

  constructor(message: string, at = 0) {
    super(message);
    this.at = at;
  }
}

const MAX_BYTES = 65_535;
const NAMED: ReadonlyMap<string, PatternVariable> = new Map([
  ['username', { kind: 'username', name: '' }],
  ['clientId', { kind: 'clientId', name: '' }],
  ['tenant', { kind: 'tenant', name: '' }],
  ['cn', { kind: 'commonName', name: '' }],
]);
const ATTRIBUTE = 'attr.';
const KNOWN = '%u or %{username}, %c or %{clientId}, %{tenant}, %{cn}, %{attr.<name>}, and %% for a percent sign';

/**
 * Takes the pattern of a rule apart, for programs that read or write rules: it is what the broker compiles rules with.
 *
 * Throws `PatternFault` for whatever is no topic filter of MQTT with variables as `Rule` describes them; thrown on by a handler, that is a
 * fault of this one answer.
 *
 * Spec: 5.0 and 3.1.1 section 4.7.
 */
export function parsePattern(text: string): Pattern {
  if (text === '') throw new PatternFault('is empty');
  if (text.includes('\0')) throw new PatternFault('holds U+0000', text.indexOf('\0'));
  if (Buffer.byteLength(text, 'utf8') > MAX_BYTES) throw new PatternFault(`is longer than ${MAX_BYTES} bytes`);
  if (!text.isWellFormed()) throw new PatternFault('holds half of a surrogate pair');
  // It would match nothing: rights are judged on the filter behind the group. A deny that never strikes must not pass unnoticed.
  if (text.startsWith('$share/')) throw new PatternFault('begins with $share/; shared subscriptions are judged on the filter behind the group');
  const parts = text.split('/');
  const open = parts[parts.length - 1] === '#';
  if (open) parts.pop();
  let at = 0;
  const levels = parts.map((part) => {
    const level = parseLevel(part, at);
    at += part.length + 1;
    return level;
  });
  return { levels, open };
}

/** `start`: where in the pattern the level begins. */
function parseLevel(part: string, start: number): PatternLevel {
  if (part === '+') return { kind: 'any' };
  if (part === '#') throw new PatternFault('has # before its end', start);
  const wildcard = part.search(/[+#]/);
  if (wildcard >= 0) throw new PatternFault('has + or # next to other text in a level', start + wildcard);
  // In one pass from left to right: what a variable stands for is never read for variables again.
  let variable: PatternVariable | null = null;
  let prefix = '';
  let text = '';
  for (let at = 0; at < part.length; ) {
    const percent = part.indexOf('%', at);
    if (percent < 0) {
      text += part.slice(at);
      break;
    }
    text += part.slice(at, percent);
    if (part[percent + 1] === '%') {
      text += '%';
      at = percent + 2;
      continue;
    }
    if (variable !== null)
      throw new PatternFault('has two variables in one level, where two values could be split in more than one way', start + percent);
    const end = variableEnd(part, percent, start);
    variable = variableOf(part.slice(percent, end), start + percent);
    prefix = text;
    text = '';
    at = end;
  }
  return variable === null ? { kind: 'literal', text } : { kind: 'variable', variable, prefix, suffix: text };
}

function variableEnd(part: string, percent: number, start: number): number {
  if (part[percent + 1] !== '{') return percent + 2;
  const close = part.indexOf('}', percent);
  if (close < 0) throw new PatternFault('has %{ without } in the same level', start + percent);
  return close + 1;
}

function variableOf(written: string, at: number): PatternVariable {
  if (written === '%u') return { kind: 'username', name: '' };
  if (written === '%c') return { kind: 'clientId', name: '' };
  if (!written.startsWith('%{')) throw new PatternFault(`has a % that begins no variable; known are ${KNOWN}`, at);
  const name = written.slice(2, -1);
  if (name.startsWith(ATTRIBUTE) && name.length > ATTRIBUTE.length && !/[%{]/.test(name)) {
    return { kind: 'attribute', name: name.slice(ATTRIBUTE.length) };
  }
  const named = NAMED.get(name);
  if (named === undefined) throw new PatternFault(`has an unknown variable ${JSON.stringify(written.slice(0, 80))}; known are ${KNOWN}`, at);
  return named;
}
