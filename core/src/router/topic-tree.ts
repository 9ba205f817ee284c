import type { Subscription } from './subscription.js';

class Node {
  children: Map<string, Node> | null = null;
  plus: Node | null = null;
  /** Subscriptions that end here, and those that end here with `#`. */
  ends: Set<Subscription> | null = null;
  hash: Set<Subscription> | null = null;

  get empty(): boolean {
    return this.children === null && this.plus === null && this.ends === null && this.hash === null;
  }
}

/** Subscriptions by topic filter, one level a step. Walked without recursion: topics may be deep. */
export class TopicTree {
  #root = new Node();
  /** Grows with every change; routes that were made before are then out of date. */
  generation = 0;
  size = 0;

  add(subscription: Subscription): void {
    const levels = subscription.filter.split('/');
    const last = levels.length - 1;
    let node = this.#root;
    for (let i = 0; i <= last; i += 1) {
      const level = levels[i] as string;
      if (i === last && level === '#') {
        node.hash ??= new Set();
        node.hash.add(subscription);
        return this.#changed(1);
      }
      node = step(node, level);
    }
    node.ends ??= new Set();
    node.ends.add(subscription);
    this.#changed(1);
  }

  remove(subscription: Subscription): void {
    const levels = subscription.filter.split('/');
    const path: Node[] = [this.#root];
    for (const level of levels) {
      const node = path[path.length - 1] as Node;
      if (level === '#') break;
      const next = level === '+' ? node.plus : node.children?.get(level);
      if (next === null || next === undefined) return;
      path.push(next);
    }
    const node = path[path.length - 1] as Node;
    const multi = levels[levels.length - 1] === '#';
    const set = multi ? node.hash : node.ends;
    if (set === null || !set.delete(subscription)) return;
    if (set.size === 0) {
      if (multi) node.hash = null;
      else node.ends = null;
    }
    this.#prune(path, levels);
    this.#changed(-1);
  }

  /** Something about a subscription changed that routes have copied. */
  touch(): void {
    this.generation += 1;
  }

  /** Every subscription whose filter matches the topic name. */
  match(topic: string): Subscription[] {
    const levels = topic.split('/');
    const found: Subscription[] = [];
    // [MQTT-4.7.2-1] A filter that begins with a wildcard does not match a topic that begins with $.
    const dollar = topic.charCodeAt(0) === 0x24;
    let front: Node[] = [this.#root];
    for (let i = 0; i < levels.length; i += 1) {
      const level = levels[i] as string;
      const next: Node[] = [];
      for (const node of front) {
        if (node.hash !== null && !(dollar && i === 0)) collect(found, node.hash);
        const child = node.children?.get(level);
        if (child !== undefined) next.push(child);
        if (node.plus !== null && !(dollar && i === 0)) next.push(node.plus);
      }
      if (next.length === 0) return found;
      front = next;
    }
    for (const node of front) {
      if (node.ends !== null) collect(found, node.ends);
      // `a/#` matches `a` too.
      if (node.hash !== null) collect(found, node.hash);
    }
    return found;
  }

  #prune(path: Node[], levels: readonly string[]): void {
    for (let i = path.length - 1; i > 0; i -= 1) {
      if (!(path[i] as Node).empty) return;
      const parent = path[i - 1] as Node;
      const level = levels[i - 1] as string;
      if (level === '+') parent.plus = null;
      else {
        parent.children?.delete(level);
        if (parent.children?.size === 0) parent.children = null;
      }
    }
  }

  #changed(by: number): void {
    this.size += by;
    this.generation += 1;
  }
}

function step(node: Node, level: string): Node {
  if (level === '+') {
    node.plus ??= new Node();
    return node.plus;
  }
  node.children ??= new Map();
  let child = node.children.get(level);
  if (child === undefined) {
    child = new Node();
    node.children.set(level, child);
  }
  return child;
}

/** Spreading a large set into `push` would overflow the stack. */
function collect(found: Subscription[], set: ReadonlySet<Subscription>): void {
  for (const subscription of set) found.push(subscription);
}
