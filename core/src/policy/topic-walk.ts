import { ActionBit } from './compiled-rules.js';
import { HASH_PRIME, HASH_SEED } from './hash.js';
import type { RuleEntry, TrieNode, VariableEdge } from './trie.js';
import { isOneLevel, rawValue, type Variables } from './variables.js';

const SLASH = 0x2f;
const DOLLAR = 0x24;

/**
 * Finds the rules that match one topic name. One reused object: a check allocates nothing, unless a rule names an attribute that is a number.
 *
 * Branches wait on a stack of its own, so that deep topics and hostile rules cannot overflow the call stack; a walk visits each node once at
 * most, so that the worst set of rules costs what it is long, not a power of it.
 */
export class TopicWalk {
  /** The first rule in order that matches, and the first whose limits allow what is asked. Valid until the next walk. */
  first: RuleEntry | null = null;
  fitting: RuleEntry | null = null;

  #topic = '';
  #levels = 0;
  /** Where each level begins; one more for the end, as if a slash followed. */
  #starts = new Int32Array(64);
  #hashes = new Int32Array(64);
  #waiting: TrieNode[] = [];
  #waitingDepth: number[] = [];

  /** Cuts a topic name into levels. Asking about the same topic for many receivers costs this once. */
  read(topic: string): void {
    if (topic === this.#topic) return;
    let level = 0;
    let hash = HASH_SEED;
    this.#starts[0] = 0;
    for (let i = 0; i < topic.length; i++) {
      const unit = topic.charCodeAt(i);
      if (unit !== SLASH) {
        hash = Math.imul(hash ^ unit, HASH_PRIME);
        continue;
      }
      this.#hashes[level] = hash;
      hash = HASH_SEED;
      level += 1;
      if (level + 1 >= this.#starts.length) this.#grow();
      this.#starts[level] = i + 1;
    }
    this.#hashes[level] = hash;
    this.#levels = level + 1;
    this.#starts[level + 1] = topic.length + 1;
    this.#topic = topic;
  }

  /**
   * Fills `first` and `fitting` with what the rules below `root` say about the topic that was read. `wildDollar`: whether a pattern that
   * begins with a wildcard takes topics that begin with `$`, as those of deny rules do.
   */
  run(root: TrieNode, action: number, variables: Variables, wildDollar: boolean, qos: number, retain: boolean): void {
    this.first = null;
    this.fitting = null;
    const sparesDollar = !wildDollar && this.#topic.charCodeAt(0) === DOLLAR; // [MQTT-4.7.2-1]
    let node = root;
    let depth = 0;
    for (;;) {
      const spares = depth === 0 && sparesDollar;
      if (node.open !== null && !spares) this.#consider(node.open, action, qos, retain);
      let next: TrieNode | null = null;
      if (depth === this.#levels) {
        if (node.exact !== null) this.#consider(node.exact, action, qos, retain);
      } else {
        if (node.any !== null && !spares) this.#wait(node.any, depth + 1, action);
        if (node.variables !== null) this.#waitForVariables(node.variables, depth, action, variables, spares);
        next = this.#literal(node, depth);
        if (next !== null && (next.actions & action) === 0) next = null;
      }
      depth += 1;
      if (next === null) {
        if (this.#waiting.length === 0) return;
        next = this.#waiting.pop() as TrieNode;
        depth = this.#waitingDepth.pop() as number;
      }
      node = next;
    }
  }

  #wait(node: TrieNode, depth: number, action: number): void {
    if ((node.actions & action) === 0) return;
    this.#waiting.push(node);
    this.#waitingDepth.push(depth);
  }

  #waitForVariables(edges: readonly VariableEdge[], depth: number, action: number, variables: Variables, spares: boolean): void {
    for (let i = 0; i < edges.length; i++) {
      const edge = edges[i] as VariableEdge;
      // A user named `$SYS` must not turn `%u/#` into a right to the broker's own topics.
      if (spares && edge.prefix === '') continue;
      if (this.#takes(edge, depth, variables)) this.#wait(edge.child, depth + 1, action);
    }
  }

  #literal(node: TrieNode, depth: number): TrieNode | null {
    const { table } = node;
    const hash = this.#hashes[depth] as number;
    const mask = table.length - 1;
    let at = hash & mask;
    for (;;) {
      const child = table[at] as TrieNode | null;
      if (child === null) return null;
      if (child.hash === hash && this.#isLevel(child.text, depth)) return child;
      at = (at + 1) & mask;
    }
  }

  #isLevel(text: string, depth: number): boolean {
    const start = this.#starts[depth] as number;
    return text.length === (this.#starts[depth + 1] as number) - 1 - start && this.#standsAt(text, start);
  }

  #takes(edge: VariableEdge, depth: number, variables: Variables): boolean {
    const value = rawValue(edge.variable, variables);
    if (value === null) return false;
    const start = this.#starts[depth] as number;
    const { prefix, suffix } = edge;
    if (prefix.length + value.length + suffix.length !== (this.#starts[depth + 1] as number) - 1 - start) return false;
    if (!this.#standsAt(prefix, start) || !this.#standsAt(value, start + prefix.length)) return false;
    return this.#standsAt(suffix, start + prefix.length + value.length) && isOneLevel(value);
  }

  #standsAt(text: string, start: number): boolean {
    const topic = this.#topic;
    for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== topic.charCodeAt(start + i)) return false;
    return true;
  }

  #consider(entries: readonly RuleEntry[], action: number, qos: number, retain: boolean): void {
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i] as RuleEntry;
      if ((entry.actions & action) === 0) continue;
      if (this.first === null || entry.order < this.first.order) this.first = entry;
      // Limits speak about what a client publishes; a subscription is granted the lower QoS, its copies are not refused.
      if (action === ActionBit.PUBLISH && (qos > entry.maxQos || (retain && !entry.retain))) continue;
      if (this.fitting === null || entry.order < this.fitting.order) this.fitting = entry;
      return;
    }
  }

  #grow(): void {
    const starts = new Int32Array(this.#starts.length * 2);
    starts.set(this.#starts);
    this.#starts = starts;
    const hashes = new Int32Array(starts.length);
    hashes.set(this.#hashes);
    this.#hashes = hashes;
  }
}
