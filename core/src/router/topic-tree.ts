import type { Subscription } from './subscription.js';

/** Nodes and subscriptions that are looked at in one step. */
const MOST_PER_STEP = 128;

/** Takes what is found. */
export interface Found {
  push(subscription: Subscription): void;
}

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
  /** Grows with every subscription that goes. */
  removals = 0;
  size = 0;

  add(subscription: Subscription): void {
    subscription.stands = true;
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
    subscription.stands = false;
    this.removals += 1;
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

  /**
   * Finds every subscription whose filter matches the topic name, in steps; of those that come or go in between, it may find some. A few thousand
   * filters that differ only in where they have a `+` all match one topic, and finding them takes milliseconds. Depth first: what waits to be looked
   * at is never more than a few nodes a level.
   */
  *walk(topic: string, found: Found): Generator<undefined, void> {
    const levels = topic.split('/');
    // [MQTT-4.7.2-1] A filter that begins with a wildcard does not match a topic that begins with $.
    const dollar = topic.charCodeAt(0) === 0x24;
    const nodes: Node[] = [this.#root];
    const depths: number[] = [0];
    let work = 0;
    for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
      const depth = depths.pop() as number;
      const wild = !(dollar && depth === 0);
      // `a/#` matches `a` too.
      if (node.hash !== null && wild) {
        if (node.hash.size <= MOST_PER_STEP) work += collect(found, node.hash);
        else yield* collectInSteps(found, node.hash);
      }
      if (depth === levels.length) {
        if (node.ends !== null) {
          if (node.ends.size <= MOST_PER_STEP) work += collect(found, node.ends);
          else yield* collectInSteps(found, node.ends);
        }
      } else {
        if (node.plus !== null && wild) {
          nodes.push(node.plus);
          depths.push(depth + 1);
        }
        const child = node.children?.get(levels[depth] as string);
        if (child !== undefined) {
          nodes.push(child);
          depths.push(depth + 1);
        }
      }
      work += 1;
      if (work < MOST_PER_STEP) continue;
      work = 0;
      yield;
    }
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

/** Returns how many there were. Not a loop: thousands of nodes with one subscription each would leave thousands of iterators behind. */
function collect(found: Found, set: ReadonlySet<Subscription>): number {
  set.forEach(found.push, found);
  return set.size;
}

function* collectInSteps(found: Found, set: ReadonlySet<Subscription>): Generator<undefined, void> {
  let work = 0;
  for (const subscription of set) {
    found.push(subscription);
    work += 1;
    if (work % MOST_PER_STEP === 0) yield;
  }
}
