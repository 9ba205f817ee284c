import type { Readable } from 'node:stream';
import type { Logger } from '../../log.js';

/** Longest piece of a line that is kept until its end comes. */
const MAX_LINE = 4096;
/** So many times what is logged is read and thrown away; beyond, the stream stands still until the next heartbeat. */
const READ_FACTOR = 16;

/** What a plugin prints, into the broker's log: so many bytes between two heartbeats. */
export class ThreadOutput {
  readonly #log: Logger;
  readonly #capacity: number;
  readonly #streams: Readable[] = [];
  #read = 0;
  #lost = 0;

  constructor(log: Logger, capacity: number) {
    this.#log = log;
    this.#capacity = capacity;
  }

  follow(stream: Readable, name: 'stdout' | 'stderr'): void {
    let rest = '';
    this.#streams.push(stream);
    stream.setEncoding('utf8').on('data', (piece: string) => {
      if (!this.#take(stream, piece.length)) return;
      const lines = (rest + piece).split('\n');
      rest = (lines.pop() ?? '').slice(0, MAX_LINE);
      for (const line of lines) this.#write(name, line);
    });
    stream.on('end', () => this.#write(name, rest));
    stream.on('error', () => {});
  }

  /** Another heartbeat: there is room again. */
  beat(): void {
    if (this.#lost > 0) this.#log.warn({ characters: this.#lost }, 'a plugin printed more than is logged');
    this.#read = 0;
    this.#lost = 0;
    for (const stream of this.#streams) stream.resume();
  }

  #take(stream: Readable, characters: number): boolean {
    this.#read += characters;
    if (this.#read > this.#capacity * READ_FACTOR) stream.pause();
    if (this.#read <= this.#capacity) return true;
    this.#lost += characters;
    return false;
  }

  #write(stream: string, line: string): void {
    if (line !== '') this.#log.info({ stream, line }, 'a plugin printed');
  }
}
