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
  children = 0;
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
  /** By what they say: at one node there may be very many. Hardly any rules have variables, and most tries are those of one client. */
  #edges: Map<TrieNode, Map<string, VariableEdge>> | null = null;
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
    for (const [node, edges] of this.#edges ?? []) node.variables = Array.from(edges.values());
    return this.#size === 0 ? null : this.#root;
  }

  #child(node: TrieNode, level: PatternLevel): TrieNode {
    switch (level.kind) {
      case 'any':
        node.any ??= new TrieNode('+');
        return node.any;
      case 'literal':
        return literalChild(node, level.text);
      case 'variable':
        return this.#variableChild(node, level);
    }
  }

  #variableChild(node: TrieNode, { variable, prefix, suffix }: Extract<PatternLevel, { kind: 'variable' }>): TrieNode {
    this.#edges ??= new Map();
    let own = this.#edges.get(node);
    if (own === undefined) {
      own = new Map();
      this.#edges.set(node, own);
    }
    const key = JSON.stringify([variable.kind, variable.name, prefix, suffix]);
    let edge = own.get(key);
    if (edge === undefined) {
      edge = { variable, prefix, suffix, child: new TrieNode('%') };
      own.set(key, edge);
    }
    return edge.child;
  }
}

function literalChild(node: TrieNode, text: string): TrieNode {
  const hash = hashText(text);
  let { table } = node;
  let at = hash & (table.length - 1);
  for (let child = table[at]; child; child = table[at]) {
    if (child.hash === hash && child.text === text) return child;
    at = (at + 1) & (table.length - 1);
  }
  const made = new TrieNode(text);
  node.children += 1;
  if (node.children * 2 > table.length) {
    table = new Array<TrieNode | null>(node.children === 1 ? 2 : table.length * 2).fill(null);
    for (const child of node.table) if (child !== null) place(table, child);
    node.table = table;
  }
  place(table, made);
  return made;
}

function place(table: (TrieNode | null)[], child: TrieNode): void {
  let at = child.hash & (table.length - 1);
  while (table[at] !== null) at = (at + 1) & (table.length - 1);
  table[at] = child;
}
