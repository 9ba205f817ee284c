import { PatternFault, parsePattern, type Rule, type RuleAction, ruleShapeProblem } from '@portcullis/sdk';
import { PolicyError } from './policy-error.js';
import { type RuleEntry, TrieBuilder, type TrieNode } from './trie.js';

/** Actions as bits. */
export const ActionBit = { PUBLISH: 1, SUBSCRIBE: 2, RECEIVE: 4 } as const;

export function actionBit(action: RuleAction): number {
  switch (action) {
    case 'publish':
      return ActionBit.PUBLISH;
    case 'subscribe':
      return ActionBit.SUBSCRIBE;
    case 'receive':
      return ActionBit.RECEIVE;
    default:
      return 0;
  }
}

/** Rules in the form in which they are looked up; the same for all clients, whose values are filled in while walking. */
export class CompiledRules {
  /** Allow and deny rules apart: they treat topics that begin with `$` differently. Null without any. */
  readonly allow: TrieNode | null;
  readonly deny: TrieNode | null;
  readonly entries: readonly RuleEntry[];

  private constructor(allow: TrieNode | null, deny: TrieNode | null, entries: readonly RuleEntry[]) {
    this.allow = allow;
    this.deny = deny;
    this.entries = entries;
  }

  /** Throws `PolicyError` at the first rule that is not sound in every respect; nothing is guessed and nothing left out. */
  static compile(rules: readonly Rule[]): CompiledRules {
    const allow = new TrieBuilder();
    const deny = new TrieBuilder();
    const entries: RuleEntry[] = [];
    for (const rule of rules) {
      const entry = entryOf(rule, entries.length);
      try {
        (entry.effect === 'allow' ? allow : deny).add(parsePattern(entry.pattern), entry);
      } catch (error) {
        if (error instanceof PatternFault) throw new PolicyError(`${entry.from}: pattern ${shown(entry.pattern)} ${error.message}`);
        throw error;
      }
      entries.push(entry);
    }
    return new CompiledRules(allow.finish(), deny.finish(), entries.slice());
  }

  /** The rules that deny, alone. */
  denials(): CompiledRules {
    return new CompiledRules(
      null,
      this.deny,
      this.entries.filter(({ effect }) => effect === 'deny'),
    );
  }

  get size(): number {
    return this.entries.length;
  }

  /** Whether both give the same answers to everything, wherever the rules come from. */
  grantsSameAs(other: CompiledRules): boolean {
    return this.size === other.size && this.entries.every((entry, i) => isSameRight(entry, other.entries[i] as RuleEntry));
  }
}

function isSameRight(a: RuleEntry, b: RuleEntry): boolean {
  return a.effect === b.effect && a.actions === b.actions && a.maxQos === b.maxQos && a.retain === b.retain && a.pattern === b.pattern;
}

/** Rules come from plugins: what the types promise is looked at again, each field read once. */
function entryOf(rule: Rule, order: number): RuleEntry {
  const from: unknown = rule?.from;
  if (typeof from !== 'string') throw new PolicyError(`rule ${order + 1} does not say where it comes from`);
  const { effect, actions: names, pattern, maxQos = 2, retain = true } = rule;
  const actions: readonly RuleAction[] = Array.isArray(names) ? [...names] : [];
  const problem = ruleShapeProblem({ effect, actions, pattern, maxQos, retain });
  if (problem !== null) throw new PolicyError(`${from === '' ? `rule ${order + 1}` : from}: ${problem}`);
  return { order, effect, actions: actions.reduce((bits, action) => bits | actionBit(action), 0), maxQos, retain, pattern, from };
}

function shown(pattern: string): string {
  return JSON.stringify(pattern.length > 200 ? `${pattern.slice(0, 200)}…` : pattern);
}
