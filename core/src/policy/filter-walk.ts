import type { RuleEntry, TrieNode, VariableEdge } from './trie.js';
import { isOneLevel, rawValue, type Variables } from './variables.js';

/** A topic filter that is asked about, its closing `#` apart. */
export interface AskedFilter {
  readonly levels: readonly string[];
  readonly open: boolean;
  /** Fewest further levels of a topic that matches: `#` and `/#` alone would be the empty topic name, which there is not. */
  readonly fewest: 0 | 1;
}

export function askedFilter(filter: string): AskedFilter {
  const levels = filter.split('/');
  const open = levels[levels.length - 1] === '#';
  if (open) levels.pop();
  const fewest = levels.length === 0 || (levels.length === 1 && levels[0] === '') ? 1 : 0;
  return { levels, open, fewest };
}

/** A rule that matches some topic of the filter. */
export interface Touch {
  readonly entry: RuleEntry;
  /** How many levels beyond the filter's own a topic has that the rule takes whatever its text, or -1 if there is no such number. */
  readonly reach: number;
  /** Whether the rule ends with `#`: then it takes all greater numbers as well. */
  readonly open: boolean;
}

/**
 * Finds the rules that have a topic in common with a filter, and how much of it they take. Exact, given that a level has unboundedly many
 * values: what is not `+` or `#` in a rule never takes all of a `+`.
 */
export class FilterWalk {
  readonly #asked: AskedFilter;
  readonly #action: number;
  readonly #variables: Variables;
  readonly #wildDollar: boolean;
  readonly #touches: Touch[];
  readonly #nodes: TrieNode[] = [];
  readonly #depths: number[] = [];
  /** Whether everything up to here takes whatever stands in the filter. */
  readonly #whole: boolean[] = [];

  /** What is found is added to `touches`, in no particular order. */
  constructor(asked: AskedFilter, action: number, variables: Variables, wildDollar: boolean, touches: Touch[]) {
    this.#asked = asked;
    this.#action = action;
    this.#variables = variables;
    this.#wildDollar = wildDollar;
    this.#touches = touches;
  }

  run(root: TrieNode): void {
    this.#visit(root, 0, true);
    for (let node = this.#nodes.pop(); node !== undefined; node = this.#nodes.pop()) {
      this.#visit(node, this.#depths.pop() as number, this.#whole.pop() as boolean);
    }
  }

  #visit(node: TrieNode, depth: number, whole: boolean): void {
    const { levels, open } = this.#asked;
    this.#touchOpen(node, depth, whole);
    if (depth >= levels.length) this.#touchExact(node, depth, whole);
    if (depth < levels.length) this.#descend(node, depth, levels[depth] as string, whole);
    else if (open) this.#descend(node, depth, '+', whole);
  }

  #touchOpen(node: TrieNode, depth: number, whole: boolean): void {
    if (node.open === null || (depth === 0 && this.#sparesDollar())) return;
    const { levels, open } = this.#asked;
    // `/#` and `+` would meet in the empty topic name only.
    if (depth === 1 && levels.length === 1 && !open && node.text === '') return;
    this.#touch(node.open, whole ? Math.max(0, depth - levels.length) : -1, true);
  }

  #touchExact(node: TrieNode, depth: number, whole: boolean): void {
    const { levels, open } = this.#asked;
    if (node.exact === null) return;
    // The same the other way round: `+` and `/#`.
    if (depth === 1 && levels.length === 1 && open && levels[0] === '') return;
    this.#touch(node.exact, whole ? depth - levels.length : -1, false);
  }

  #touch(entries: readonly RuleEntry[], reach: number, open: boolean): void {
    for (const entry of entries) if ((entry.actions & this.#action) !== 0) this.#touches.push({ entry, reach, open });
  }

  #descend(node: TrieNode, depth: number, level: string, whole: boolean): void {
    // A filter that begins with a wildcard has no topics with `$`.
    const withoutDollar = depth === 0 && level === '+';
    for (const child of node.table) {
      if (child === null) continue;
      if (level === '+' ? !(withoutDollar && child.text.startsWith('$')) : child.text === level) this.#wait(child, depth + 1, whole && level !== '+');
    }
    if (node.any !== null && !(depth === 0 && this.#sparesDollar())) this.#wait(node.any, depth + 1, whole);
    for (const edge of node.variables ?? []) {
      const text = this.#textOf(edge, depth);
      if (text === null || (withoutDollar && text.startsWith('$'))) continue;
      if (level === '+' || text === level) this.#wait(edge.child, depth + 1, whole && level !== '+');
    }
  }

  #wait(node: TrieNode, depth: number, whole: boolean): void {
    if ((node.actions & this.#action) === 0) return;
    this.#nodes.push(node);
    this.#depths.push(depth);
    this.#whole.push(whole);
  }

  /** What a level with a variable is for this client; null if it matches nothing. */
  #textOf(edge: VariableEdge, depth: number): string | null {
    const value = rawValue(edge.variable, this.#variables);
    if (value === null || !isOneLevel(value)) return null;
    if (depth === 0 && edge.prefix === '' && value.startsWith('$') && !this.#wildDollar) return null;
    return edge.prefix + value + edge.suffix;
  }

  /** Whether a rule's leading wildcard takes none of the filter's topics, since they begin with `$`. */
  #sparesDollar(): boolean {
    return !this.#wildDollar && this.#asked.levels[0]?.startsWith('$') === true; // [MQTT-4.7.2-1]
  }
}
