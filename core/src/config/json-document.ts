import type { Problem, Segment } from './problem.js';
import { pathText } from './problem.js';

/** A value and where it stands. Objects in `value` have no prototype. */
export interface JsonNode {
  readonly value: unknown;
  /** Offset of its first character. */
  readonly offset: number;
  readonly members: ReadonlyMap<string, JsonMember> | null;
  readonly items: readonly JsonNode[] | null;
}

/** A key of an object and its value. */
export interface JsonMember {
  readonly keyOffset: number;
  readonly node: JsonNode;
}

export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Turns offsets into lines and columns. */
export class LineTable {
  readonly #starts: number[] = [0];

  constructor(text: string) {
    for (let at = 0; at < text.length; at += 1) {
      const unit = text.charCodeAt(at);
      if (unit === 0x0a || (unit === 0x0d && text.charCodeAt(at + 1) !== 0x0a)) this.#starts.push(at + 1);
    }
  }

  position(offset: number): Position {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] as number) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.#starts[low] as number) + 1 };
  }
}

/** A parsed file: its value, and the position of everything in it. */
export class JsonDocument {
  readonly root: JsonNode;
  /** Keys that are given twice or may not be given; the rest of the file can still be judged. */
  readonly problems: readonly Problem[];
  readonly #lines: LineTable;

  constructor(root: JsonNode, lines: LineTable, problems: readonly Problem[]) {
    this.root = root;
    this.#lines = lines;
    this.problems = problems;
  }

  get value(): unknown {
    return this.root.value;
  }

  node(segments: readonly Segment[]): JsonNode | null {
    let node: JsonNode | undefined = this.root;
    for (const segment of segments) {
      node = typeof segment === 'number' ? node?.items?.[segment] : node?.members?.get(segment)?.node;
      if (node === undefined) return null;
    }
    return node;
  }

  /** Position of the value; when it is not there, of the nearest thing around it that is. */
  valueAt(segments: readonly Segment[]): Position {
    const node = this.node(segments);
    if (node !== null) return this.#lines.position(node.offset);
    return this.keyAt(segments.slice(0, -1));
  }

  /** Position of the key that leads to the value; of the value itself for items of a list and for the whole. */
  keyAt(segments: readonly Segment[]): Position {
    const last = segments.at(-1);
    if (typeof last !== 'string') return this.valueAt(segments);
    const member = this.node(segments.slice(0, -1))?.members?.get(last);
    return member === undefined ? this.keyAt(segments.slice(0, -1)) : this.#lines.position(member.keyOffset);
  }

  /** A problem at the value. */
  problem(segments: readonly Segment[], message: string, hint: string | null = null): Problem {
    return { ...this.valueAt(segments), path: pathText(segments), message, hint };
  }

  /** A problem at the key. */
  problemAtKey(segments: readonly Segment[], message: string, hint: string | null = null): Problem {
    return { ...this.keyAt(segments), path: pathText(segments), message, hint };
  }
}
