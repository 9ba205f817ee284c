import type { Readable } from 'node:stream';

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const INTERRUPT = 0x03;
const END = 0x04;
const BACKSPACE = 0x08;
const DELETE = 0x7f;
/** Two passwords of the largest size and their line ends. */
const MAX_INPUT_BYTES = 256 * 1024;

/** Reads lines from standard input that is no terminal, as bytes: a password need not be text. */
export class PipedSecrets {
  readonly #input: AsyncIterator<Buffer>;
  #rest = Buffer.alloc(0);
  #ended = false;

  constructor(input: AsyncIterable<Buffer>) {
    this.#input = input[Symbol.asyncIterator]();
  }

  /** The next line without its end; null when there is none. */
  async next(): Promise<Buffer | null> {
    while (!this.#ended && !this.#rest.includes(NEWLINE) && this.#rest.length <= MAX_INPUT_BYTES) {
      const { value, done } = await this.#input.next();
      if (done === true) this.#ended = true;
      else this.#rest = Buffer.concat([this.#rest, value]);
    }
    const end = this.#rest.indexOf(NEWLINE);
    if (end < 0 && this.#rest.length === 0) return null;
    const line = end < 0 ? this.#rest : this.#rest.subarray(0, end);
    this.#rest = end < 0 ? Buffer.alloc(0) : this.#rest.subarray(end + 1);
    return line[line.length - 1] === RETURN ? line.subarray(0, -1) : line;
  }
}

/** A terminal that can stop showing what is typed. */
export type Keyboard = Readable & { setRawMode(on: boolean): unknown };

/** Reads one line from a terminal without showing it. Null for Ctrl-C, and for Ctrl-D on an empty line. */
export function readHidden(input: Keyboard): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const typed: number[] = [];
    const finish = (line: Buffer | null) => {
      input.off('data', onData);
      input.setRawMode(false);
      input.pause();
      resolve(line);
    };
    const onData = (chunk: Buffer) => {
      for (const [index, byte] of chunk.entries()) {
        if (byte === INTERRUPT || (byte === END && typed.length === 0)) return finish(null);
        if (byte === RETURN || byte === NEWLINE || byte === END) {
          finish(Buffer.from(typed));
          // A pasted block may hold the second answer as well. Only now: with the listener still there it would come right back.
          if (index + 1 < chunk.length) input.unshift(chunk.subarray(index + 1));
          return;
        }
        if (byte === BACKSPACE || byte === DELETE) dropCharacter(typed);
        else typed.push(byte);
      }
    };
    input.setRawMode(true);
    input.on('data', onData);
    input.resume();
  });
}

/** Takes back one character of UTF-8, not one byte. */
function dropCharacter(typed: number[]): void {
  let last = typed.pop();
  while (last !== undefined && (last & 0xc0) === 0x80) last = typed.pop();
}
