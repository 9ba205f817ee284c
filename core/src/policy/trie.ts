import type { Pattern, PatternLevel, PatternVariable } from '@portcullis/sdk';
import { hashText } from './hash.js';

/** One rule as the trie keeps it. */
export interface RuleEntry {
  /** Place among the rules that were compiled together, from 0. */
  readonly order: number;
  readonly effect: 'allow' | 'deny';
  /** Bits of `ActionBit`. */
  readonly actions: number;
  readonly maxQos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly pattern: string;
  readonly from: string;
}

/** The way to a child through a level with a variable. */
export interface VariableEdge {
  readonly variable: PatternVariable;
  readonly prefix: string;
  readonly suffix: string;
  readonly child: TrieNode;
}

// Shared by all nodes without literal children, so that a look-up needs no test for their absence.
const NO_CHILDREN: (TrieNode | null)[] = [null];

/** A level of the patterns below one another. Each node is reached in one way only, so no walk can visit it twice. */
export class TrieNode {
  /** Text of a literal level; '+' and '%' for the others, which are never found by text. */
  readonly text: string;
  readonly hash: number;
  /** Actions of all rules here and below: what is not among them need not be walked. */
  actions = 0;
  /** Literal children: a hash table with open addressing, a power of two in size, at most half full. */
  table: (TrieNode | null)[] = NO_CHILDREN;
  any: TrieNode | null = null;
  variables: VariableEdge[] | null = null;
  /** Rules that end here, in their order. */
  exact: RuleEntry[] | null = null;
  /** Rules that go on with `#` from here, in their order. */
  open: RuleEntry[] | null = null;

  constructor(text: string) {
    this.text = text;
    this.hash = hashText(text);
  }
}

/** Puts patterns into a trie. Add all, then take the root. */
export class TrieBuilder {
  readonly #root = new TrieNode('');
  readonly #literals = new Map<TrieNode, Map<string, TrieNode>>();
  readonly #edges = new Map<TrieNode, Map<string, VariableEdge>>();
  #size = 0;

  add(pattern: Pattern, entry: RuleEntry): void {
    let node = this.#root;
    node.actions |= entry.actions;
    for (const level of pattern.levels) {
      node = this.#child(node, level);
      node.actions |= entry.actions;
    }
    // Lists begin with the length they mostly keep; an empty one would make room for many at the first push.
    if (pattern.open) {
      if (node.open === null) node.open = [entry];
      else node.open.push(entry);
    } else if (node.exact === null) node.exact = [entry];
    else node.exact.push(entry);
    this.#size += 1;
  }

  /** The finished trie; null if nothing was added. */
  finish(): TrieNode | null {
    for (const [node, children] of this.#literals) node.table = tableOf(children);
    for (const [node, edges] of this.#edges) node.variables = Array.from(edges.values());
    return this.#size === 0 ? null : this.#root;
  }

  #child(node: TrieNode, level: PatternLevel): TrieNode {
    switch (level.kind) {
      case 'any':
        node.any ??= new TrieNode('+');
        return node.any;
      case 'literal':
        return found(this.#literals, node, level.text, () => new TrieNode(level.text));
      case 'variable': {
        const { variable, prefix, suffix } = level;
        const key = JSON.stringify([variable.kind, variable.name, prefix, suffix]);
        return found(this.#edges, node, key, () => ({ variable, prefix, suffix, child: new TrieNode('%') })).child;
      }
    }
  }
}

function found<T>(all: Map<TrieNode, Map<string, T>>, node: TrieNode, key: string, make: () => T): T {
  let own = all.get(node);
  if (own === undefined) {
    own = new Map();
    all.set(node, own);
  }
  let child = own.get(key);
  if (child === undefined) {
    child = make();
    own.set(key, child);
  }
  return child;
}

function tableOf(children: ReadonlyMap<string, TrieNode>): (TrieNode | null)[] {
  let size = 2;
  while (size < children.size * 2) size *= 2;
  const table = new Array<TrieNode | null>(size).fill(null);
  for (const child of children.values()) {
    let at = child.hash & (size - 1);
    while (table[at] !== null) at = (at + 1) & (size - 1);
    table[at] = child;
  }
  return table;
}
