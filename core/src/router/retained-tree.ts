import type { Message } from '../gate/index.js';

/** A retained message and who may answer for it. */
export interface RetainedEntry {
  readonly message: Message;
}

class Node {
  readonly children = new Map<string, Node>();
  entry: RetainedEntry | null = null;
}

/** Retained messages of one tenant by topic. */
export class RetainedTree {
  #root = new Node();
  count = 0;
  bytes = 0;

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
    else this.bytes -= node.entry.message.bytes;
    this.bytes += message.bytes;
    node.entry = { message };
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
    node.entry = null;
    for (let i = path.length - 1; i > 0; i -= 1) {
      const at = path[i] as Node;
      if (at.entry !== null || at.children.size > 0) break;
      (path[i - 1] as Node).children.delete(levels[i - 1] as string);
    }
    return true;
  }

  /** Every retained message that the filter matches, in the order of the tree, at most `limit`. Walked without recursion. */
  match(filter: string, limit = Number.POSITIVE_INFINITY): RetainedEntry[] {
    const levels = filter.split('/');
    const found: RetainedEntry[] = [];
    const stack: { node: Node; depth: number }[] = [{ node: this.#root, depth: 0 }];
    while (stack.length > 0 && found.length < limit) {
      const { node, depth } = stack.pop() as { node: Node; depth: number };
      const level = levels[depth];
      if (level === undefined) {
        if (node.entry !== null) found.push(node.entry);
      } else if (level === '#') {
        this.#below(node, depth, found, limit);
      } else if (level === '+') {
        for (const [name, child] of node.children) if (!(depth === 0 && name.startsWith('$'))) stack.push({ node: child, depth: depth + 1 });
      } else {
        const child = node.children.get(level);
        if (child !== undefined) stack.push({ node: child, depth: depth + 1 });
      }
    }
    return found;
  }

  /** A node (but not the root itself) and everything below it; at the top, topics that begin with $ stay hidden [MQTT-4.7.2-1]. */
  #below(top: Node, depth: number, found: RetainedEntry[], limit: number): void {
    const stack: Node[] = [];
    if (depth > 0) stack.push(top);
    else for (const [name, child] of top.children) if (!name.startsWith('$')) stack.push(child);
    while (stack.length > 0 && found.length < limit) {
      const node = stack.pop() as Node;
      if (node.entry !== null) found.push(node.entry);
      for (const child of node.children.values()) stack.push(child);
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
