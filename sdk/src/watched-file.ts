import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { InvalidPluginConfig } from './errors.js';
import type { PluginLog, PluginTimers } from './services.js';

/** What a {@link WatchedFile} is told. */
export interface WatchedFileOptions {
  /** Absolute path; a symbolic link is followed at each look. */
  readonly path: string;
  /** Largest file that is read, in bytes (default 64 MiB). */
  readonly maxBytes?: number;
  /** What the text gives and a bad change leaves in force, for log lines: 'users', 'rules'. */
  readonly gives: string;
  /** What to do when there is no such file, for the error: 'create it with …'. */
  readonly hint: string;
  readonly timers: PluginTimers;
  readonly log: PluginLog;
  /** Once aborted, no text is handed over any more; pass the plugin's own. */
  readonly signal: AbortSignal;
  /**
   * Takes a text, wholly or not at all: it throws `InvalidPluginConfig` for one that does not parse, having changed nothing.
   *
   * Called by `open`, and again when a changed text was read. `mode` holds the permission bits of the file.
   */
  onText(text: string, file: { readonly mode: number }): void;
}

const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;
const POLL_MILLISECONDS = 1000;
const NEWLINE = 0x0a;

interface Content {
  readonly bytes: Buffer;
  readonly mode: number;
}

/**
 * A text file that a plugin reads whole, and again when it has changed.
 *
 * `open` reads it for the first time and throws `InvalidPluginConfig` when it cannot be used. After `watch` the file is looked at every 1,000
 * milliseconds; it is read when two looks in a row show the same change, so that a file caught half written, or moved over another, is
 * taken when it is complete. `reload` reads at once, for SIGHUP. Each text is UTF-8 without U+0000 (a byte order mark is dropped) and at most `maxBytes` long.
 *
 * Errors: a change that cannot be read or that `onText` refuses leaves what it gave before in force, and says so, once: in the log, or for
 * `reload` in its rejection.
 */
export class WatchedFile {
  readonly #options: WatchedFileOptions;
  readonly #maxBytes: number;
  /** The state of the file that was last dealt with; null when the next look must read. */
  #settledMark: string | null = null;
  #pendingMark: string | null = null;
  /** Digest of the text that was last handed over, so that a touched file changes nothing. Null after a failure to read. */
  #lastDigest: string | null = null;
  /** Why that text was refused; null when it was taken. */
  #refusal: unknown = null;
  #busy: Promise<void> = Promise.resolve();
  #looking = false;
  #stopWatching: (() => void) | null = null;

  constructor(options: WatchedFileOptions) {
    this.#options = options;
    this.#maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
  }

  /** Reads the file for the first time. Throws `InvalidPluginConfig` that names the file, the line and what to do. */
  open(): Promise<void> {
    return this.#inTurn(async () => {
      const content = await this.#read();
      if (content === null) throw new InvalidPluginConfig(`${this.#options.path}: is being written right now; start again when that is done`);
      this.#take(content);
    });
  }

  /** Begins to look for changes; they end with the plugin's timers. A second call does nothing. */
  watch(): void {
    this.#stopWatching ??= this.#options.timers.every(POLL_MILLISECONDS, () => {
      // A file system that hangs must not collect one waiting look a second.
      if (!this.#looking) void this.look();
    });
  }

  /** Reads the file now. Rejects with `InvalidPluginConfig` when it cannot be used; what it gave before is still in force then. */
  reload(): Promise<void> {
    return this.#inTurn(async () => {
      const mark = await this.#mark();
      this.#pendingMark = null;
      // Null makes the next looks read again: a write in the same tick of the file system's clock as this read leaves no other trace.
      this.#settledMark = null;
      try {
        const content = await this.#read().catch((error: unknown) => {
          this.#settledMark = mark;
          throw error;
        });
        if (content === null) throw new InvalidPluginConfig(`${this.#options.path}: is being written right now`);
        this.#take(content);
        // Whoever asks is told, also of a text that a look has found first.
        if (this.#refusal !== null) throw this.#refusal;
      } catch (error) {
        throw this.#kept(error);
      }
    });
  }

  /** One look at the file, as the timer does it. Never rejects. */
  async look(): Promise<void> {
    this.#looking = true;
    await this.#inTurn(() => this.#lookNow());
    this.#looking = false;
  }

  async #lookNow(): Promise<void> {
    if (this.#options.signal.aborted) return;
    const mark = await this.#mark();
    if (mark === this.#settledMark) {
      this.#pendingMark = null;
    } else if (mark === this.#pendingMark) {
      await this.#takeChange(mark);
    } else {
      this.#pendingMark = mark;
    }
  }

  async #takeChange(mark: string): Promise<void> {
    try {
      const content = await this.#read();
      const after = await this.#mark();
      if (content === null || after !== mark) {
        this.#pendingMark = after;
        return;
      }
      this.#settledMark = mark;
      this.#take(content);
    } catch (error) {
      this.#settledMark = mark;
      if (!this.#options.signal.aborted) this.#options.log.error({ file: this.#options.path }, this.#kept(error).message);
    }
  }

  #take(content: Content): void {
    if (this.#options.signal.aborted) return;
    const digest = createHash('sha256').update(content.bytes).digest('base64');
    if (digest === this.#lastDigest) return;
    // Before the hand-over: a text that was refused is not refused again, with another log line, until it changes.
    this.#lastDigest = digest;
    this.#refusal = null;
    try {
      this.#options.onText(this.#decode(content.bytes), { mode: content.mode });
    } catch (error) {
      this.#refusal = error;
      throw error;
    }
  }

  /** Null when the file changed while it was read. */
  async #read(): Promise<Content | null> {
    try {
      // Without O_NONBLOCK the opening of a pipe would wait for a writer for ever.
      const handle = await open(this.#options.path, constants.O_RDONLY | constants.O_NONBLOCK);
      try {
        return await this.#readOpen(handle);
      } finally {
        await handle.close();
      }
    } catch (error) {
      this.#lastDigest = null;
      throw error instanceof InvalidPluginConfig ? error : this.#unreadable(error);
    }
  }

  async #readOpen(handle: FileHandle): Promise<Content | null> {
    const { path } = this.#options;
    const before = await handle.stat({ bigint: true });
    if (!before.isFile()) throw new InvalidPluginConfig(`${path}: is not a regular file`);
    if (before.size > this.#maxBytes) throw new InvalidPluginConfig(`${path}: is larger than ${this.#maxBytes} bytes`);
    // One byte more than there was shows a file that is growing.
    const bytes = Buffer.allocUnsafe(Number(before.size) + 1);
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    const after = await handle.stat({ bigint: true });
    if (length !== Number(before.size) || markOf(after) !== markOf(before)) return null;
    return { bytes: bytes.subarray(0, length), mode: Number(before.mode & 0o777n) };
  }

  async #mark(): Promise<string> {
    try {
      return markOf(await stat(this.#options.path, { bigint: true }));
    } catch (error) {
      return `unreadable ${codeOf(error)}`;
    }
  }

  #decode(bytes: Buffer): string {
    const { path } = this.#options;
    try {
      const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
      const at = text.indexOf('\0');
      if (at < 0) return text;
      const line = text.slice(0, at).split('\n').length;
      throw new InvalidPluginConfig(`${path}:${line}: holds a U+0000; the file is damaged or no text`);
    } catch (error) {
      if (error instanceof InvalidPluginConfig) throw error;
      throw new InvalidPluginConfig(`${path}:${firstInvalidLine(bytes)}: is not UTF-8; save the file as UTF-8`);
    }
  }

  #unreadable(error: unknown): InvalidPluginConfig {
    const { path, hint } = this.#options;
    const code = codeOf(error);
    if (code === 'ENOENT') return new InvalidPluginConfig(`${path}: there is no such file; ${hint}`);
    if (code === 'EACCES' || code === 'EPERM')
      return new InvalidPluginConfig(`${path}: the broker's account may not read it; change its owner or mode`);
    return new InvalidPluginConfig(`${path}: cannot be read (${code})`);
  }

  #kept(error: unknown): InvalidPluginConfig {
    const message = error instanceof Error ? error.message : String(error);
    return new InvalidPluginConfig(`${message}; the ${this.#options.gives} read before stay in force`, { cause: error });
  }

  /** Looks and reloads one after the other: an older read must never be handed over after a newer one. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#busy.then(work);
    this.#busy = done.catch(() => undefined);
    return done;
  }
}

function markOf(info: { dev: bigint; ino: bigint; size: bigint; mtimeNs: bigint; ctimeNs: bigint }): string {
  return `${info.dev} ${info.ino} ${info.size} ${info.mtimeNs} ${info.ctimeNs}`;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown error';
}

function firstInvalidLine(bytes: Buffer): number {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let line = 1;
  for (let start = 0; start < bytes.length; line++) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline < 0 ? bytes.length : newline;
    try {
      decoder.decode(bytes.subarray(start, end));
    } catch {
      return line;
    }
    start = end + 1;
  }
  return line;
}
