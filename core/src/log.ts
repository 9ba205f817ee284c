import { errorText } from './errors.js';
import { Secrets } from './secrets.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

const ORDER: Record<LogLevel, number> = { debug: 10, info: 20, warn: 30, error: 40, silent: 99 };

/** Where finished lines go. */
export type LogSink = (line: string) => void;

/**
 * A log of one line an event: time, level, text, then fields as JSON. Everything from the wire is escaped and cut; secrets of the configuration are
 * hidden, and of bytes only the length is shown, whoever writes the line.
 */
export class Logger {
  readonly #sink: LogSink;
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #wall: () => number;
  /** Shared with all children. */
  readonly #threshold: { at: number };
  /** Shared too. */
  readonly #secrets: Secrets;

  constructor(
    sink: LogSink,
    level: LogLevel | { at: number } = 'info',
    fields: Readonly<Record<string, unknown>> = {},
    wall: () => number = Date.now,
    secrets: Secrets = new Secrets(),
  ) {
    this.#sink = sink;
    this.#threshold = typeof level === 'string' ? { at: ORDER[level] } : level;
    this.#fields = fields;
    this.#wall = wall;
    this.#secrets = secrets;
  }

  /** Sets the level from which on lines are written, here and in all children. */
  setLevel(level: LogLevel): void {
    this.#threshold.at = ORDER[level];
  }

  /** A log whose lines carry these fields too. */
  child(fields: Readonly<Record<string, unknown>>): Logger {
    return new Logger(this.#sink, this.#threshold, { ...this.#fields, ...fields }, this.#wall, this.#secrets);
  }

  /** Hides these texts in every line from now on, here and in all children, whoever writes them. */
  keepSecret(values: readonly string[]): void {
    if (values.length > 0) this.#secrets.add(values);
  }

  /** A text without what is kept secret, for what leaves by another way than the log. */
  hide(text: string): string {
    return this.#secrets.hide(text);
  }

  enabled(level: LogLevel): boolean {
    return ORDER[level] >= this.#threshold.at;
  }

  debug(fields: Readonly<Record<string, unknown>>, message: string): void {
    if (this.#threshold.at <= 10) this.#write('debug', fields, message);
  }

  info(fields: Readonly<Record<string, unknown>>, message: string): void {
    if (this.#threshold.at <= 20) this.#write('info', fields, message);
  }

  warn(fields: Readonly<Record<string, unknown>>, message: string): void {
    if (this.#threshold.at <= 30) this.#write('warn', fields, message);
  }

  error(fields: Readonly<Record<string, unknown>>, message: string): void {
    if (this.#threshold.at <= 40) this.#write('error', fields, message);
  }

  #write(level: LogLevel, fields: Readonly<Record<string, unknown>>, message: string): void {
    let line = `${new Date(this.#wall()).toISOString()} ${level.padEnd(5)} `;
    try {
      // A plugin in JavaScript may give anything.
      line += clean(this.#secrets.hide(String(message)));
      for (const [name, value] of Object.entries({ ...this.#fields, ...fields })) {
        if (value !== undefined) line += ` ${clean(this.#secrets.hide(name))}=${show(value, this.#secrets)}`;
      }
    } catch (error) {
      line += ` log=${show(errorText(error), this.#secrets)}`;
    }
    this.#sink(line);
  }
}

const MAX_FIELD = 500;

function show(value: unknown, secrets: Secrets): string {
  const text = textOf(value, secrets);
  if (typeof value === 'string' && /^[\w.:/@+-]{1,200}$/.test(text)) return text;
  return clean(isJson(value) ? text : JSON.stringify(text));
}

/** The value as text, cut, without secrets: these are looked for before it is cut, since half of one is too much. */
function textOf(value: unknown, secrets: Secrets): string {
  const whole = isJson(value) ? jsonOf(value, secrets) : value instanceof Error ? errorText(value) : String(value);
  const hidden = secrets.hide(whole.slice(0, MAX_FIELD + secrets.longest));
  return hidden.length <= MAX_FIELD && whole.length <= MAX_FIELD + secrets.longest ? hidden : `${hidden.slice(0, MAX_FIELD)}…`;
}

/** Whether the value is shown as JSON, and not as a text of its own. */
function isJson(value: unknown): boolean {
  return !(value instanceof Error) && ['object', 'number', 'boolean'].includes(typeof value);
}

function jsonOf(value: unknown, secrets: Secrets): string {
  return (
    JSON.stringify(value, function (this: Readonly<Record<string, unknown>>, key: string, item: unknown): unknown {
      // A Buffer has become an object of numbers by the time it is handed over here.
      const original = this[key];
      if (ArrayBuffer.isView(original)) return `[${original.byteLength} bytes]`;
      return typeof item === 'string' ? secrets.hide(item) : item;
    }) ?? 'null'
  );
}

/** Control characters would let a client write lines, or drive the terminal, of whoever reads the log. */
function clean(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
