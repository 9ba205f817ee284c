import { errorText } from './errors.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

const ORDER: Record<LogLevel, number> = { debug: 10, info: 20, warn: 30, error: 40, silent: 99 };

/** Where finished lines go. */
export type LogSink = (line: string) => void;

/** A log of one line an event: time, level, text, then fields as JSON. Everything from the wire is escaped and cut. */
export class Logger {
  readonly #sink: LogSink;
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #wall: () => number;
  /** Shared with all children. */
  readonly #threshold: { at: number };

  constructor(
    sink: LogSink,
    level: LogLevel | { at: number } = 'info',
    fields: Readonly<Record<string, unknown>> = {},
    wall: () => number = Date.now,
  ) {
    this.#sink = sink;
    this.#threshold = typeof level === 'string' ? { at: ORDER[level] } : level;
    this.#fields = fields;
    this.#wall = wall;
  }

  /** Sets the level from which on lines are written, here and in all children. */
  setLevel(level: LogLevel): void {
    this.#threshold.at = ORDER[level];
  }

  /** A log whose lines carry these fields too. */
  child(fields: Readonly<Record<string, unknown>>): Logger {
    return new Logger(this.#sink, this.#threshold, { ...this.#fields, ...fields }, this.#wall);
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
    let line = `${new Date(this.#wall()).toISOString()} ${level.padEnd(5)} ${clean(message)}`;
    try {
      for (const [name, value] of Object.entries({ ...this.#fields, ...fields })) if (value !== undefined) line += ` ${name}=${show(value)}`;
    } catch (error) {
      line += ` log=${JSON.stringify(errorText(error))}`;
    }
    this.#sink(line);
  }
}

const MAX_FIELD = 500;

function show(value: unknown): string {
  if (value instanceof Error) return clean(JSON.stringify(cut(errorText(value))));
  if (typeof value === 'string') return /^[\w.:/@+-]{1,200}$/.test(value) ? value : clean(JSON.stringify(cut(value)));
  if (typeof value === 'bigint' || typeof value === 'symbol' || typeof value === 'function') return clean(JSON.stringify(String(value)));
  return clean(cut(JSON.stringify(value) ?? 'null'));
}

function cut(text: string): string {
  return text.length <= MAX_FIELD ? text : `${text.slice(0, MAX_FIELD)}…`;
}

/** Control characters would let a client write lines, or drive the terminal, of whoever reads the log. */
function clean(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
