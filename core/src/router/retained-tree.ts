import type { Message } from '../gate/index.js';
import { RetainedSources } from './retained-sources.js';

/** A retained message and who may answer for it. */
export interface RetainedEntry {
  readonly message: Message;
  /** Grows with every message that is retained. */
  readonly serial: number;
  /** Whether it could not be found out if its publisher still has the right to it: then it is handed to nobody. */
  doubted: boolean;
}

/** Steps of a walk after which it lets its owner see the clock. */
const STRETCH = 64;

class Node {
  readonly children = new Map<string, Node>();
  entry: RetainedEntry | null = null;
}

/** How far a walk has come on one level. */
interface Place {
  readonly nodes: Iterator<Node>;
  readonly depth: number;
  /** Whether everything here is meant, being below a `#`. */
  readonly below: boolean;
}

/** Retained messages of one tenant by topic. */
export class RetainedTree {
  readonly sources = new RetainedSources();
  #root = new Node();
  count = 0;
  bytes = 0;
  /** That of the last message that was retained. */
  serial = 0;

  get(topic: string): RetainedEntry | null {
    let node: Node | undefined = this.#root;
    for (const level of topic.split('/')) {
      node = node.children.get(level);
      if (node === undefined) return null;
    }
    return node.entry;
  }

  set(message: Message): void {
    let node = this.#root;
    for (const level of message.topic.split('/')) {
      let child = node.children.get(level);
      if (child === undefined) {
        child = new Node();
        node.children.set(level, child);
      }
      node = child;
    }
    if (node.entry === null) this.count += 1;
    else {
      this.bytes -= node.entry.message.bytes;
      const { publisherClientId, publisher, foreign } = node.entry.message;
      const isSame = publisherClientId === message.publisherClientId && publisher === message.publisher && foreign === message.foreign;
      if (!isSame) this.sources.remove(node.entry.message);
    }
    this.sources.add(message);
    this.bytes += message.bytes;
    this.serial += 1;
    node.entry = { message, serial: this.serial, doubted: false };
  }

  delete(topic: string): boolean {
    const levels = topic.split('/');
    const path: Node[] = [this.#root];
    for (const level of levels) {
      const next = (path[path.length - 1] as Node).children.get(level);
      if (next === undefined) return false;
      path.push(next);
    }
    const node = path[path.length - 1] as Node;
    if (node.entry === null) return false;
    this.count -= 1;
    this.bytes -= node.entry.message.bytes;
    this.sources.remove(node.entry.message);
    node.entry = null;
    for (let i = path.length - 1; i > 0; i -= 1) {
      const at = path[i] as Node;
      if (at.entry !== null || at.children.size > 0) break;
      (path[i - 1] as Node).children.delete(levels[i - 1] as string);
    }
    return true;
  }

  /** Every retained message that the filter matches, at most `limit`. */
  match(filter: string, limit = Number.POSITIVE_INFINITY): RetainedEntry[] {
    const found: RetainedEntry[] = [];
    for (const entry of this.walk(filter)) {
      if (entry === null) continue;
      if (found.length >= limit) break;
      found.push(entry);
    }
    return found;
  }

  /**
   * Finds them one after the other, in the order of the tree. What changes meanwhile is seen where the walk has not been. It holds one place a
   * level, however many topics there are. Null stands for a stretch on which it found none: of a million topics a filter may match not one.
   */
  *walk(filter: string): IterableIterator<RetainedEntry | null> {
    const levels = filter.split('/');
    const stack: Place[] = [{ nodes: [this.#root].values(), depth: 0, below: false }];
    let steps = 0;
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      steps += 1;
      if (steps % STRETCH === 0) yield null;
      const { depth, below } = top;
      const { value: node, done } = top.nodes.next();
      if (done === true) {
        stack.pop();
        continue;
      }
      const level = below ? '#' : levels[depth];
      // `a/#` finds `a` too, but `#` is not about the root.
      if (node.entry !== null && (level === undefined || (level === '#' && depth > 0))) yield node.entry;
      if (level === '#' || level === '+') {
        const nodes = depth === 0 ? withoutDollar(node.children) : node.children.values();
        stack.push({ nodes, depth: depth + 1, below: level === '#' });
      } else if (level !== undefined) {
        const child = node.children.get(level);
        if (child !== undefined) stack.push({ nodes: [child].values(), depth: depth + 1, below: false });
      }
    }
  }

  *entries(): IterableIterator<RetainedEntry> {
    const stack = [this.#root];
    while (stack.length > 0) {
      const node = stack.pop() as Node;
      if (node.entry !== null) yield node.entry;
      for (const child of node.children.values()) stack.push(child);
    }
  }
}

/** [MQTT-4.7.2-1] A wildcard at the beginning does not show topics that begin with $. */
function* withoutDollar(children: ReadonlyMap<string, Node>): IterableIterator<Node> {
  for (const [name, child] of children) if (!name.startsWith('$')) yield child;
}
